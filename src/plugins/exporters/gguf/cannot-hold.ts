import { PrunecastError } from '../../../core/errors/prunecast-error.js';

/** What of a model a GGUF file cannot hold, with the way out. */
export function cannotHold(what: string, advice = 'take the exporter hf'): PrunecastError {
  return new PrunecastError('EXPORT_UNSUPPORTED', `${what}; ${advice}`);
}
