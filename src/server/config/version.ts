import { readFileSync } from 'node:fs';

/** The version in package.json, from sources as from the build. */
export const VERSION = readVersion();

function readVersion(): string {
  for (const path of ['../../../package.json', '../../../../package.json']) {
    try {
      const parsed = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as {
        name?: unknown;
        version?: unknown;
      };
      if (parsed.name === 'prunecast' && typeof parsed.version === 'string') return parsed.version;
    } catch {
      // Not at this depth: sources lie one folder higher than the build.
    }
  }
  return 'unknown';
}
