import type { Kysely } from 'kysely';
import type { LeaseStore } from '../../../core/ports/job-store.js';
import { ENDED_CODES } from './job-store.js';
import type { Schema } from './schema.js';

export function createLeaseStore(database: Kysely<Schema>): LeaseStore {
  return {
    take: async (jobId, { owner, untilMs }, { nowMs, isGone }) => {
      const found = await database
        .selectFrom('jobs')
        .select(['lease_owner', 'lease_token', 'lease_until_ms'])
        .where('id', '=', jobId)
        .where('state', 'not in', ENDED_CODES)
        .executeTakeFirst();
      if (found === undefined) return undefined;
      const runs = found.lease_until_ms > nowMs && found.lease_owner !== owner && found.lease_owner !== '';
      if (runs && !isGone(found.lease_owner)) return undefined;
      const taken = await database
        .updateTable('jobs')
        .set({ lease_owner: owner, lease_token: found.lease_token + 1, lease_until_ms: untilMs })
        .where('id', '=', jobId)
        .where('lease_token', '=', found.lease_token)
        .returning('lease_token')
        .executeTakeFirst();
      return taken?.lease_token;
    },
    renew: async ({ owner, untilMs }) => {
      const rows = await database
        .updateTable('jobs')
        .set({ lease_until_ms: untilMs })
        .where('lease_owner', '=', owner)
        .where('state', 'not in', ENDED_CODES)
        .returning('id')
        .execute();
      return rows.map(({ id }) => id);
    },
    release: async (owner, jobId) => {
      let rows = database
        .updateTable('jobs')
        .set({ lease_until_ms: 0, fruitless_starts: 0 })
        .where('lease_owner', '=', owner);
      if (jobId !== undefined) rows = rows.where('id', '=', jobId);
      await rows.execute();
    },
  };
}
