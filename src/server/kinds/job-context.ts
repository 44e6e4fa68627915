import type { EventRecord } from '../../core/ports/job-store.js';
import type { StoreRecord } from '../../core/ports/store.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { type JobEnded, type JobEvent, type JobPaused, JobState } from '../../gen/prunecast/v1/job.js';
import type { RunContext, Work } from '../jobs/jobs.js';
import { decodeEvent, encodePayload, type EventPayload } from '../records/job-records.js';

export type JobResult = JobEnded['result'];

/** The outcome of a run: the job's result, or that it waits for ResumeJob, which starts another run. */
export type JobOutcome = JobResult | { readonly $case: 'paused'; readonly value: JobPaused };

/** What a run may emit. The end of the job, its place in the queue and heartbeats are emitted by the runner. */
export type EmittedPayload = Exclude<EventPayload, { $case: 'ended' | 'queued' | 'heartbeat' | 'paused' }>;

/** What a running job sees of the server, with messages of the API as its events. */
export interface JobContext extends Omit<RunContext, 'commit' | 'stored'> {
  /**
   * Stores an event, then shows it to all who follow. Rejects with the signal's reason once the job has ended, and with
   * MESSAGE_TOO_LARGE.
   */
  emit(payload: EmittedPayload): Promise<void>;
  /**
   * Stores events, and what belongs with them, in one transaction, then shows the events. Rejects as `emit`; nothing is
   * stored then.
   */
  commit(payloads: readonly EmittedPayload[], records: readonly StoreRecord[]): Promise<void>;
  /** The events that the job has stored, from the oldest kept: those of earlier servers too. */
  stored(): AsyncIterable<JobEvent>;
}

/** Work with messages of the API, as the runner of jobs knows it. */
export function toWork(run: (context: JobContext) => Promise<JobOutcome>): Work {
  return async ({ commit, stored, ...context }) => {
    const commitPayloads = async (
      payloads: readonly EmittedPayload[],
      records: readonly StoreRecord[],
    ): Promise<void> => commit(payloads.map(encodePayload), records);
    return encodeOutcome(
      await run({
        ...context,
        emit: (payload) => commitPayloads([payload], []),
        commit: commitPayloads,
        async *stored() {
          for await (const event of stored()) yield decodeEvent(context.jobId, event);
        },
      }),
    );
  };
}

/** What a part of a job sees of the server, and also what comes before there is a job: opening a model, tokenizing. */
export type PartContext = Pick<JobContext, 'signal' | 'progress'>;

/**
 * The context of a part of a job: the job's signal stops it, and its progress is shown under `activity`, or under the
 * name that the work itself gives to what it does.
 */
export function workContext({ signal, progress }: PartContext, activity: string): WorkContext {
  return {
    signal,
    report: (found) => {
      const { activity: own = activity, what, known: _, ...amount } = found;
      progress({ activity: own, unit: what, ...amount });
    },
  };
}

function encodeOutcome(outcome: JobOutcome): EventRecord {
  if (outcome?.$case === 'paused') return encodePayload(outcome);
  return encodePayload({
    $case: 'ended',
    value: { state: JobState.SUCCEEDED, error: undefined, result: outcome },
  });
}
