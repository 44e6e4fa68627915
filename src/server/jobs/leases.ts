import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Clock } from '../../core/ports/clock.js';
import {
  isEnded,
  type HeldJob,
  type JobStore,
  type Lease,
  type LeaseOwner,
  type LeaseStore,
} from '../../core/ports/job-store.js';

/** The leases of the jobs that this server works on. */
export interface JobLeases {
  /** A lease from now on. */
  next(): Lease;
  /** Takes the lease of a job; `undefined` if the job is unknown or has ended, or another server works on it. */
  take(jobId: string): Promise<HeldJob | undefined>;
  /** The same; throws LEASE_HELD if another server works on the job. */
  takeOpen(jobId: string): Promise<HeldJob | undefined>;
  /** Renews all leases; the ids of the jobs that are still this server's. */
  renew(): Promise<ReadonlySet<string>>;
  /** Gives up the lease of a job, or of all jobs. */
  release(jobId?: string): Promise<void>;
}

export interface LeaseSettings {
  readonly jobs: Pick<JobStore, 'get'>;
  readonly leases: LeaseStore;
  readonly owner: LeaseOwner;
  readonly clock: Clock;
  /** How long a lease runs unless it is renewed. */
  readonly leaseMs: number;
}

export function createJobLeases({ jobs, leases, owner, clock, leaseMs }: LeaseSettings): JobLeases {
  const next = (): Lease => ({ owner: owner.name, untilMs: clock.now() + leaseMs });
  const take = async (jobId: string): Promise<HeldJob | undefined> => {
    const token = await leases.take(jobId, next(), { nowMs: clock.now(), isGone: owner.isGone });
    return token === undefined ? undefined : { jobId, token };
  };
  return {
    next,
    take,
    takeOpen: async (jobId) => {
      const held = await take(jobId);
      if (held !== undefined || isEnded((await jobs.get(jobId)).state)) return held;
      throw new PrunecastError(
        'LEASE_HELD',
        `another server works on job ${jobId}: ask that one, or wait until its lease has run out`,
        { metadata: { job_id: jobId }, retryAfterMs: leaseMs },
      );
    },
    renew: async () => new Set(await leases.renew(next())),
    release: (jobId) => leases.release(owner.name, jobId),
  };
}
