/** What a run, or several of one seed one after the other, have found. */
export interface FuzzResult {
  readonly requests: number;
  readonly checkpoints: number;
  readonly seed: number;
  readonly seconds: number;
  /** Of the runs together, each with a server of its own. */
  readonly longest_pause_ms: number;
  readonly peak_resident_bytes: number;
  /** At the end of a run, the largest. */
  readonly resident_bytes: number;
  /** How calls ended, by method and code. */
  readonly calls: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly faults: Readonly<Record<string, FaultGroup>>;
}

interface FaultGroup {
  readonly count: number;
  readonly examples: readonly { readonly origin: string; readonly text: string }[];
}

/** Two runs of one seed as one. */
export function addResults(first: FuzzResult, next: FuzzResult): FuzzResult {
  if (first.seed !== next.seed) throw new RangeError(`the runs have the seeds ${first.seed} and ${next.seed}`);
  return {
    requests: first.requests + next.requests,
    checkpoints: first.checkpoints + next.checkpoints,
    seed: first.seed,
    seconds: first.seconds + next.seconds,
    longest_pause_ms: Math.max(first.longest_pause_ms, next.longest_pause_ms),
    peak_resident_bytes: Math.max(first.peak_resident_bytes, next.peak_resident_bytes),
    resident_bytes: Math.max(first.resident_bytes, next.resident_bytes),
    calls: merge(first.calls, next.calls, (a, b) => merge(a, b, (one, other) => one + other)),
    faults: merge(first.faults, next.faults, (a, b) => ({ ...a, count: a.count + b.count })),
  };
}

function merge<Value>(
  first: Readonly<Record<string, Value>>,
  next: Readonly<Record<string, Value>>,
  add: (a: Value, b: Value) => Value,
): Readonly<Record<string, Value>> {
  return Object.fromEntries(
    [...new Set([...Object.keys(first), ...Object.keys(next)])].toSorted().map((key) => {
      const [a, b] = [first[key], next[key]];
      return [key, a === undefined ? (b as Value) : b === undefined ? a : add(a, b)];
    }),
  );
}
