import { setImmediate as nextTurn } from 'node:timers/promises';
import { readStored } from '../../core/errors/read-stored.js';
import type { PairSetStore } from '../../core/ports/pair-set-store.js';
import type { StoreRecord } from '../../core/ports/store.js';
import { PairSet } from '../../gen/prunecast/v1/pair.js';

/** The pairs of a store that came from elsewhere, as messages of the API. All methods are those of `PairSetStore`. */
export interface PairSetRecords extends Omit<PairSetStore, 'ofStudy'> {
  ofStudy(studyId: string): Promise<PairSet[]>;
}

export function openPairSetRecords(pairSets: PairSetStore): PairSetRecords {
  return {
    ofStudy: async (studyId) => {
      const sets: PairSet[] = [];
      for (const bytes of await pairSets.ofStudy(studyId)) {
        // A hundred thousand pairs would hold the event loop for a quarter of a second.
        await nextTurn();
        sets.push(readStored(`a set of pairs of ${studyId}`, () => PairSet.decode(bytes)));
      }
      return sets;
    },
    remove: (studyId) => pairSets.remove(studyId),
    sweep: () => pairSets.sweep(),
  };
}

/** Pairs that a study holds from elsewhere, to be stored. */
export function newPairSet(studyId: string, set: PairSet): StoreRecord {
  return { kind: 'pair-set', studyId, pairSet: PairSet.encode(set).finish() };
}
