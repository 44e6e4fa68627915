import { PrunecastError } from './prunecast-error.js';

/**
 * An error as one of a field of the request: code that knows no requests says what is wrong, this adds where. Errors
 * that name fields themselves, and those that are not a PrunecastError, stay as they are.
 */
export function atField(error: unknown, field: string): unknown {
  if (!(error instanceof PrunecastError) || error.violations.length > 0) return error;
  const { reason, message, metadata, cause } = error;
  return new PrunecastError(reason, message, { metadata, violations: [{ field, description: message }], cause });
}
