/** Weights in memory; the least recently used ones are dropped first. */
export interface WeightStore {
  /**
   * What is stored under the key, or what `load` returns. It is kept as long as the limit allows; an entry larger than
   * the limit is returned but not kept.
   */
  get<Weights extends object>(key: string, load: () => Promise<Weights>): Promise<Weights>;
  /** What is stored under the key; undefined: nothing. */
  find<Weights extends object>(key: string): Weights | undefined;
  /** Sets how many bytes may be kept; what exceeds them is dropped at once. */
  limit(bytes: number): void;
  /** Bytes of everything that is stored. */
  heldBytes(): number;
}

export function createWeightStore(bytesAllowed: number): WeightStore {
  let limitBytes = bytesAllowed;
  const entries = new Map<string, { readonly weights: object; readonly bytes: number }>();
  let storedBytes = 0;

  const remove = (key: string): void => {
    storedBytes -= entries.get(key)?.bytes ?? 0;
    entries.delete(key);
  };
  const makeRoom = (bytes: number): void => {
    for (const oldest of entries.keys()) {
      if (storedBytes + bytes <= limitBytes) break;
      remove(oldest);
    }
  };
  const add = (key: string, weights: object): void => {
    const bytes = countBytes(weights);
    if (bytes > limitBytes) return;
    makeRoom(bytes);
    entries.set(key, { weights, bytes });
    storedBytes += bytes;
  };

  return {
    limit: (bytes) => {
      limitBytes = bytes;
      makeRoom(0);
    },
    heldBytes: () => storedBytes,
    find: <Weights extends object>(key: string) => entries.get(key)?.weights as Weights | undefined,
    get: async <Weights extends object>(key: string, load: () => Promise<Weights>): Promise<Weights> => {
      const known = entries.get(key);
      const weights = known === undefined ? await load() : (known.weights as Weights); // a key always has the same type
      remove(key);
      add(key, weights);
      return weights;
    },
  };
}

/** Bytes of all arrays in an object, plus those that it says it holds (`heldBytes`). */
export function countBytes(weights: object): number {
  const held = 'heldBytes' in weights && typeof weights.heldBytes === 'number' ? weights.heldBytes : 0;
  return Object.values(weights).reduce(
    (sum: number, value: unknown) => sum + (ArrayBuffer.isView(value) ? value.byteLength : 0),
    held,
  );
}
