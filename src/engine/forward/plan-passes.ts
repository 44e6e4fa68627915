/** A run through the model: some of the architectures, on one group of batches after the other. */
export interface Pass<Batch> {
  /** The architectures `first` to `first + count - 1`. */
  readonly first: number;
  readonly count: number;
  readonly groups: readonly (readonly Batch[])[];
}

export interface PassLimits<Item, Batch> {
  /** Bytes of one batch's hidden states. */
  readonly bytesOf: (batch: Batch) => number;
  /** Hidden states that these architectures need at once, counted in copies of all batches of a group. */
  readonly heldStates: (architectures: readonly Item[]) => number;
  readonly limitBytes: number;
}

/**
 * Splits work until its hidden states fit. Batches are grouped first, because architectures that run together share
 * their prefixes; fewer architectures run together only if a single batch does not fit for all of them. The smallest
 * piece, one architecture on one batch, is planned whether it fits or not: the caller has checked that before.
 */
export function planPasses<Item, Batch>(
  architectures: readonly Item[],
  batches: readonly Batch[],
  limits: PassLimits<Item, Batch>,
): Pass<Batch>[] {
  const largest = Math.max(0, ...batches.map(limits.bytesOf));
  const passes: Pass<Batch>[] = [];
  for (let first = 0; first < architectures.length; ) {
    let count = architectures.length - first;
    // One more than is held: the state that is written.
    const copiesOf = (size: number): number => limits.heldStates(architectures.slice(first, first + size)) + 1;
    while (count > 1 && copiesOf(count) * largest > limits.limitBytes) count = Math.ceil(count / 2);
    passes.push({ first, count, groups: groupBatches(batches, limits.bytesOf, limits.limitBytes / copiesOf(count)) });
    first += count;
  }
  return passes;
}

function groupBatches<Batch>(
  batches: readonly Batch[],
  bytesOf: (batch: Batch) => number,
  limitBytes: number,
): Batch[][] {
  const groups: Batch[][] = [];
  let bytes = Infinity;
  for (const batch of batches) {
    bytes += bytesOf(batch);
    const last = groups.at(-1);
    if (last === undefined || bytes > limitBytes) {
      groups.push([batch]);
      bytes = bytesOf(batch);
    } else last.push(batch);
  }
  return groups;
}
