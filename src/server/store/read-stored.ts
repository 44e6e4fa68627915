import { PrunecastError } from '../../core/errors/prunecast-error.js';

/**
 * What is read of something stored.
 *
 * @param what names it for whoever has to mend the state: `event 7 of job-1`
 * @throws PrunecastError STATE_DAMAGED where it does not parse
 */
export function readStored<Value>(what: string, read: () => Value): Value {
  try {
    return read();
  } catch (cause) {
    throw new PrunecastError(
      'STATE_DAMAGED',
      `${what} in the state folder does not parse: bring the folder back from a backup, or delete what it belongs to`,
      { metadata: { stored: what }, cause },
    );
  }
}
