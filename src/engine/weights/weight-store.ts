/** Weights in memory, the longest unused ones given up first. */
export interface WeightStore {
  /**
   * What is stored under the key, or else what `load` brings. It is kept as long as the limit allows; a single entry over
   * the limit is handed out but not kept.
   */
  get<Weights extends object>(key: string, load: () => Promise<Weights>): Promise<Weights>;
  /** What is stored under the key; undefined for nothing. */
  find<Weights extends object>(key: string): Weights | undefined;
  /** Sets how many bytes may stay; what is over them goes at once. */
  limit(bytes: number): void;
  /** Bytes of all that is stored. */
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
      const weights = known === undefined ? await load() : (known.weights as Weights); // a key always stands for one type
      remove(key);
      add(key, weights);
      return weights;
    },
  };
}

/** Bytes of all arrays in an object, and those that it says it holds (`heldBytes`); `undefined` fields count nothing. */
export function countBytes(weights: object): number {
  const held = 'heldBytes' in weights && typeof weights.heldBytes === 'number' ? weights.heldBytes : 0;
  return Object.values(weights).reduce(
    (sum: number, value: unknown) => sum + (ArrayBuffer.isView(value) ? value.byteLength : 0),
    held,
  );
}
