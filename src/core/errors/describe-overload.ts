import { PrunecastError } from './prunecast-error.js';

/** A limit on what may wait that is reached. */
export interface Overload {
  /** What waits already, for people: `100 jobs of team-a wait`. */
  readonly waiting: string;
  /** The setting that has the limit: `maxQueuedJobsPerCaller`. */
  readonly setting: string;
  readonly limit: number;
  /** Whose limit it is: `server`, `kind:SEARCH`, `caller:team-a`. */
  readonly subject: string;
  /** After so long there may be room. */
  readonly retryAfterMs: number;
}

/** What is refused with OVERLOADED, since as much waits as may. */
export function describeOverload({ waiting, setting, limit, subject, retryAfterMs }: Overload): PrunecastError {
  return new PrunecastError(
    'OVERLOADED',
    `${waiting}, and ${setting} allows ${limit}: try again later, or have the setting raised`,
    {
      metadata: { setting, limit: String(limit), subject },
      quotas: [{ subject, description: `${waiting}; ${setting} allows ${limit}`, setting, limit }],
      retryAfterMs,
    },
  );
}
