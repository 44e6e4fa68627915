import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { expandHome } from '../../state-folder/state-directory.js';
import { CONFIG_SCHEMA, type ExplainedConfig } from '../config/config.js';
import { pathsOf } from '../config/gather-settings.js';
import { findExisting } from '../doctor/check-folder.js';

const { R_OK, W_OK, X_OK } = constants;

/**
 * What is wrong with the files and folders that settings name. A folder that only a default names need not be there, and
 * one that the server makes must be in a folder where it may.
 */
export async function checkPaths({ config, sources }: Omit<ExplainedConfig, 'warnings'>): Promise<string[]> {
  const faults: string[] = [];
  for (const [name, schema] of Object.entries(CONFIG_SCHEMA.shape)) {
    const setting = name as keyof typeof sources;
    const kind = pathsOf(schema);
    const { from, where } = sources[setting];
    for (const path of [config[setting] ?? []].flat().map(String)) {
      const fault = await checkPath(path, { kind, isDefault: from === 'default' });
      if (fault !== undefined) faults.push(`${name} (${where || from}): ${path} ${fault}`);
    }
  }
  return faults;
}

async function checkPath(
  path: string,
  { kind, isDefault }: { readonly kind: unknown; readonly isDefault: boolean },
): Promise<string | undefined> {
  switch (kind) {
    case 'files':
      return findFault(path, { needs: R_OK, isRight: (entry) => entry.isFile(), otherwise: 'is no file' });
    case 'folders': {
      const exists = statSync(path, { throwIfNoEntry: false }) !== undefined;
      return isDefault && !exists ? undefined : checkFolder(path, R_OK | X_OK);
    }
    case 'own-folders': {
      const existing = await findExisting(path);
      const fault = checkFolder(existing, W_OK | X_OK);
      return fault === undefined || existing === path ? fault : `cannot be made: ${existing} ${fault}`;
    }
    case 'in-addresses':
      // A plug-in that is a file or the folder of a package. Sockets need not be there, and packages and commands are looked
      // for when a server starts.
      return /^(?:\.{0,2}|~)\//.test(path)
        ? findFault(resolve(expandHome(path)), { needs: R_OK, isRight: () => true, otherwise: '' })
        : undefined;
    default:
      return undefined;
  }
}

function checkFolder(path: string, needs: number): string | undefined {
  return findFault(path, { needs, isRight: (entry) => entry.isDirectory(), otherwise: 'is no folder' });
}

interface Needs {
  readonly needs: number;
  readonly isRight: (entry: ReturnType<typeof statSync> & object) => boolean;
  readonly otherwise: string;
}

function findFault(path: string, { needs, isRight, otherwise }: Needs): string | undefined {
  try {
    const entry = statSync(path);
    if (!isRight(entry)) return otherwise;
    accessSync(path, needs);
    return undefined;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'is not there';
    return `may not be ${(needs & W_OK) === 0 ? 'read' : 'written'}`;
  }
}
