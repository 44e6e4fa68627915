import type { StoreRecord } from '../../core/ports/store.js';

/** What a run wants stored together with its next event. */
export interface PendingRecords {
  /** Stored with that event or not at all. */
  readonly joined: readonly StoreRecord[];
  /** Stored in any case. */
  readonly kept: readonly StoreRecord[];
}

export function createPending() {
  let pending: PendingRecords = { joined: [], kept: [] };
  return {
    join: (record: StoreRecord): void => {
      pending = { ...pending, joined: [...pending.joined, record] };
    },
    keep: (record: StoreRecord): void => {
      pending = { ...pending, kept: [...pending.kept, record] };
    },
    take: (): PendingRecords => {
      const taken = pending;
      pending = { joined: [], kept: [] };
      return taken;
    },
    /** What could not be stored comes first the next time. */
    putBack: ({ joined, kept }: PendingRecords): void => {
      pending = { joined: [...joined, ...pending.joined], kept: [...kept, ...pending.kept] };
    },
  };
}
