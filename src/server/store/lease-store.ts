import type { Kysely } from 'kysely';
import { ENDED_STATES } from './job-store.js';
import type { Schema } from './schema.js';

/** One writer a job: who may store what it does, and until when unless that is renewed. */
export interface Lease {
  readonly owner: string;
  /** Milliseconds since 1970. */
  readonly untilMs: number;
}

/**
 * Leases of jobs. Each taking of one gets a higher token; whatever is stored of a job names the token of its writer, and is
 * refused where another has taken the lease since (fencing: "How to do distributed locking", Kleppmann, 2016). So a server
 * that was cut off or asleep while its lease ran out cannot write beside its successor.
 */
export interface LeaseStore {
  /** The new token; undefined where another owner's lease still runs and `isGone` does not know it as gone, or the job is unknown or has ended. */
  take(
    jobId: string,
    lease: Lease,
    now: { readonly nowMs: number; readonly isGone: (owner: string) => boolean },
  ): Promise<number | undefined>;
  /** Renews all leases of an owner; the ids of the jobs that are still its own. */
  renew(lease: Lease): Promise<string[]>;
  /** Lets go of one job, or of all that the owner holds, in order: anybody may take them, and their starts do not count as fruitless. */
  release(owner: string, jobId?: string): Promise<void>;
}

export function createLeaseStore(database: Kysely<Schema>): LeaseStore {
  return {
    take: async (jobId, { owner, untilMs }, { nowMs, isGone }) => {
      const found = await database
        .selectFrom('jobs')
        .select(['lease_owner', 'lease_token', 'lease_until_ms'])
        .where('id', '=', jobId)
        .where('state', 'not in', ENDED_STATES)
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
        .where('state', 'not in', ENDED_STATES)
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
