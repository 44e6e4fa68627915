import { PrunecastError } from '../../../core/errors/prunecast-error.js';

/** What of a model a GGUF file cannot hold, with the way out. */
export function cannotHold(what: string, advice = 'take the exporter hf'): PrunecastError {
  return new PrunecastError('EXPORT_UNSUPPORTED', `${what}; ${advice}`);
}

/** What is said against a file that `describe` describes; undefined if it can be written. */
export async function findObjection(describe: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await describe();
    return undefined;
  } catch (error) {
    if (error instanceof PrunecastError && error.reason === 'EXPORT_UNSUPPORTED') return error.message;
    throw error;
  }
}
