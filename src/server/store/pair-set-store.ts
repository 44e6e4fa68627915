import { setImmediate } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import { PairSet } from '../../gen/prunecast/v1/pair.js';
import { blobBytes } from './blobs.js';
import { readStored } from './read-stored.js';
import type { Schema } from './schema.js';

/** Pairs that came from elsewhere, by the study that holds them. */
export interface PairSetStore {
  /** Adds sets in one transaction; a large set may be stored in parts of any size. */
  add(studyId: string, sets: readonly PairSet[]): Promise<void>;
  /** Forgets the sets of a study. */
  remove(studyId: string): Promise<void>;
  /** Forgets sets of studies that are not there: a server that ended in the middle of an import left them. Not while one goes on. */
  sweep(): Promise<void>;
  /** All sets of a study, in the order they were added; empty for none. */
  ofStudy(studyId: string): Promise<PairSet[]>;
}

export function createPairSetStore(database: Kysely<Schema>): PairSetStore {
  return {
    add: (studyId, sets) =>
      database.transaction().execute(async (transaction) => {
        const { last } = await transaction
          .selectFrom('pair_sets')
          .where('study_id', '=', studyId)
          .select(({ fn }) => fn.max('number').as('last'))
          .executeTakeFirstOrThrow();
        for (const [index, set] of sets.entries()) {
          await transaction
            .insertInto('pair_sets')
            .values({
              study_id: studyId,
              number: Number(last ?? 0) + 1 + index,
              pair_set: PairSet.encode(set).finish(),
            })
            .execute();
        }
      }),
    remove: async (studyId) => {
      await database.deleteFrom('pair_sets').where('study_id', '=', studyId).execute();
    },
    sweep: async () => {
      await database
        .deleteFrom('pair_sets')
        .where('study_id', 'not in', database.selectFrom('studies').select('id'))
        .execute();
    },
    ofStudy: async (studyId) => {
      const rows = await database
        .selectFrom('pair_sets')
        .select('pair_set')
        .where('study_id', '=', studyId)
        .orderBy('number')
        .execute();
      const sets: PairSet[] = [];
      for (const row of rows) {
        // A hundred thousand pairs would hold the event loop for a quarter of a second.
        await setImmediate();
        sets.push(readStored(`a set of pairs of ${studyId}`, () => PairSet.decode(blobBytes(row.pair_set))));
      }
      return sets;
    },
  };
}
