import { PrunecastError } from './prunecast-error.js';

/** What a newcomer to a queue would bring about, measured against one limit. */
export interface Wanted<Setting extends string> {
  /** The setting that has the limit: `maxQueuedJobsPerCaller`. */
  readonly setting: Setting;
  /** How much would wait with it, in the unit of the limit. */
  readonly amount: number;
  /** What waits already, for people: `100 jobs of team-a wait`. */
  readonly waiting: string;
  /** Whose limit it is: `server`, `kind:SEARCH`, `caller:team-a`. */
  readonly subject: string;
}

/**
 * Refuses a newcomer that would exceed a limit.
 *
 * @param retryAfterMs after so long there may be room
 * @throws PrunecastError OVERLOADED that names the first such limit
 */
export function requireRoom<Setting extends string>(
  wanted: readonly Wanted<Setting>[],
  limits: Readonly<Record<Setting, number>>,
  retryAfterMs: number,
): void {
  const over = wanted.find(({ setting, amount }) => amount > limits[setting]);
  if (over === undefined) return;
  const { setting, waiting, subject } = over;
  const limit = limits[setting];
  throw new PrunecastError(
    'OVERLOADED',
    `${waiting}, and ${setting} allows ${limit}: try again later, or have the setting raised`,
    {
      metadata: { setting, limit: String(limit), subject },
      quotas: [{ subject, description: `${waiting}; ${setting} allows ${limit}`, setting, limit }],
      retryAfterMs,
    },
  );
}
