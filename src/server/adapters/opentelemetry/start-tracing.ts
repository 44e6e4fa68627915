import type { Logger } from 'pino';
import { readExport } from './read-variables.js';
import type { SpanExport } from './span-export.js';

/**
 * Starts the export of spans if the `OTEL_*` variables of the process ask for it, and registers it for all that traces in
 * the process. `undefined` if they do not, or if they cannot be followed: that is told in a line, and the server runs
 * without. What exports is loaded only then.
 *
 * @param version of the server
 */
export async function startTracing(
  env: Readonly<Record<string, string | undefined>>,
  version: string,
  log: Logger,
): Promise<SpanExport | undefined> {
  const found = readExport(env);
  if (!found.isOn) {
    if (found.fault !== undefined) log.warn(`no spans are exported: ${found.fault}`);
    return undefined;
  }
  try {
    const { startSpanExport } = await import('./span-export.js');
    return await startSpanExport(found.protocol, version, log);
  } catch (error) {
    log.warn({ err: error }, 'no spans are exported');
    return undefined;
  }
}
