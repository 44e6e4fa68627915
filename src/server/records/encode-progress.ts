import type { JobProgress as JobProgressMessage } from '../../gen/prunecast/v1/job.js';
import type { JobProgress } from '../jobs/event-codec.js';
import { encodePhase } from './phase-records.js';

/** How far a job is, as a message of the API. */
export function encodeProgress({ done, total, items, place, ...progress }: JobProgress): JobProgressMessage {
  return {
    ...progress,
    done: BigInt(done),
    total: BigInt(total),
    itemsDone: BigInt(items?.done ?? 0),
    itemsTotal: BigInt(items?.total ?? 0),
    phase: place && encodePhase(place.phase),
    phaseNumber: place?.number ?? 0,
    phaseCount: place?.count ?? 0,
    overall: place?.overall,
  };
}
