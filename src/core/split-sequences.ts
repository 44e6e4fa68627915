import { PrunecastError } from './errors/prunecast-error.js';

/** What a training is given: sequences to train on, and those that the best weights are chosen on. */
export interface TrainingSplit {
  readonly trained: readonly Int32Array[];
  readonly heldOut: readonly Int32Array[];
}

/**
 * One sequence of every `heldOutEvery` is held out, at least one; of many fewer, because a check of all would take as long
 * as several steps.
 *
 * @throws PrunecastError INVALID_REQUEST if there are not two sequences of 2 tokens
 */
export function splitSequences(sequences: readonly Int32Array[], heldOutEvery: number): TrainingSplit {
  const usable = sequences.filter(({ length }) => length > 1);
  if (usable.length < 2)
    throw PrunecastError.ofField(
      'recovery.text',
      `has ${usable.length} sequences of at least 2 tokens, and a recovery needs 2, one to train on and one to hold out: send a longer text or ask for more sequences`,
    );
  const every = Math.max(heldOutEvery, Math.ceil(usable.length / MOST_HELD_OUT));
  const last = Math.min(every, usable.length) - 1;
  const isHeldOut = (index: number): boolean => index % every === last;
  return {
    trained: usable.filter((_, index) => !isHeldOut(index)),
    heldOut: usable.filter((_, index) => isHeldOut(index)),
  };
}

/** Checks compare the same sequences, so that these are enough to tell better weights from worse. */
const MOST_HELD_OUT = 64;
