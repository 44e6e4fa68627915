import { PrunecastError } from '../../core/errors/prunecast-error.js';

/** INVALID_REQUEST for what a file holds; the caller says which file, and which field of the request names it. */
export function refused(problem: string): PrunecastError {
  return new PrunecastError('INVALID_REQUEST', problem);
}

/** What a value of JSON is, in words. */
export function nameKind(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
