import { PrunecastError } from './prunecast-error.js';

/**
 * The value that `read` makes of something stored.
 *
 * @param what names it for whoever repairs the state: `event 7 of job-1`
 * @throws PrunecastError STATE_DAMAGED if it does not parse
 */
export function readStored<Value>(what: string, read: () => Value): Value {
  try {
    return read();
  } catch (cause) {
    throw new PrunecastError(
      'STATE_DAMAGED',
      `${what} in the state folder does not parse: restore the folder from a backup, or delete what it belongs to`,
      { metadata: { stored: what }, cause },
    );
  }
}
