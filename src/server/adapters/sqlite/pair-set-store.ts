import type { Kysely } from 'kysely';
import type { PairSetRecord, PairSetStore } from '../../../core/ports/pair-set-store.js';
import { blobBytes } from './columns.js';
import type { Schema } from './schema.js';

export function createPairSetStore(database: Kysely<Schema>): PairSetStore {
  return {
    ofStudy: async (studyId) => {
      const rows = await database
        .selectFrom('pair_sets')
        .select('pair_set')
        .where('study_id', '=', studyId)
        .orderBy('number')
        .execute();
      return rows.map((row) => blobBytes(row.pair_set));
    },
    remove: async (studyId) => {
      await database.deleteFrom('pair_sets').where('study_id', '=', studyId).execute();
    },
    sweep: async () => {
      await database
        .deleteFrom('pair_sets')
        .where('study_id', 'not in', database.selectFrom('studies').select('id'))
        .execute();
    },
  };
}

export async function insertPairSet(database: Kysely<Schema>, { studyId, pairSet }: PairSetRecord): Promise<void> {
  const { last } = await database
    .selectFrom('pair_sets')
    .where('study_id', '=', studyId)
    .select(({ fn }) => fn.max('number').as('last'))
    .executeTakeFirstOrThrow();
  await database
    .insertInto('pair_sets')
    .values({ study_id: studyId, number: Number(last ?? 0) + 1, pair_set: pairSet })
    .execute();
}
