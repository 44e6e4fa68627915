import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { readStored } from '../../core/errors/read-stored.js';
import type {
  EventRecord,
  JobChange,
  JobState as StoredState,
  StoredEvent,
  StoredJob,
} from '../../core/ports/job-store.js';
import { Status } from '../../gen/google/rpc/status.js';
import { type Job, JobEvent, type JobKind, type JobPhase, JobProgress, JobState } from '../../gen/prunecast/v1/job.js';
import { MAX_MESSAGE_BYTES } from '../config/limits.js';
import { toTimestamp } from '../encoding/timestamp.js';
import { describePhases } from './phase-records.js';

export type EventPayload = NonNullable<JobEvent['payload']>;

/** Leaves room for the event's id, number and time, and for the message around it. */
const MOST_EVENT_BYTES = MAX_MESSAGE_BYTES - 1024;

const STATES = {
  queued: JobState.QUEUED,
  running: JobState.RUNNING,
  paused: JobState.PAUSED,
  succeeded: JobState.SUCCEEDED,
  failed: JobState.FAILED,
  cancelled: JobState.CANCELLED,
} as const satisfies Record<StoredState, JobState>;

/** A state as the store names it. */
export function nameState(state: JobState): StoredState {
  const name = (Object.keys(STATES) as StoredState[]).find((candidate) => STATES[candidate] === state);
  if (name === undefined) throw new RangeError(`${state} is not a state of a job`);
  return name;
}

/** A state as the API numbers it. */
export function encodeState(state: StoredState): JobState {
  return STATES[state];
}

/**
 * An event as it is stored. Throws MESSAGE_TOO_LARGE for one that is larger than a message: nobody could watch the job
 * past it.
 */
export function encodePayload(payload: EventPayload): EventRecord {
  const bytes = JobEvent.encode(JobEvent.create({ payload })).finish();
  if (bytes.length > MOST_EVENT_BYTES)
    throw new PrunecastError(
      'MESSAGE_TOO_LARGE',
      `a "${payload.$case}" event of ${bytes.length} bytes exceeds the message limit of ${MAX_MESSAGE_BYTES}`,
      { metadata: { bytes: String(bytes.length) } },
    );
  return { kind: 'event', payload: bytes, change: changeOf(payload) };
}

function changeOf(payload: EventPayload): JobChange {
  switch (payload.$case) {
    case 'queued':
      return { to: 'queued', place: payload.value.place };
    case 'started':
      return { to: 'running' };
    case 'paused': {
      const { error } = payload.value;
      return { to: 'paused', ...(error === undefined ? {} : { error: Status.encode(error).finish() }) };
    }
    case 'progress':
      return { to: 'progress', progress: JobProgress.encode(payload.value).finish() };
    case 'ended': {
      const { state, error } = payload.value;
      const to = nameState(state);
      if (to !== 'succeeded' && to !== 'failed' && to !== 'cancelled')
        throw new RangeError(`a job cannot end as ${to}`);
      return { to, error: error === undefined ? undefined : Status.encode(error).finish() };
    }
    default:
      return { to: 'worked' };
  }
}

/** A stored event as a message of the API. Throws STATE_DAMAGED. */
export function decodeEvent(jobId: string, { sequence, timeMs, payload }: StoredEvent): JobEvent {
  const stored = readStored(`event ${sequence} of ${jobId}`, () => JobEvent.decode(payload));
  return {
    jobId,
    sequence: BigInt(sequence),
    time: timeMs === undefined ? stored.time : toTimestamp(timeMs),
    payload: stored.payload,
  };
}

/** A stored job as a message of the API, in the basic view. Throws STATE_DAMAGED. */
export function encodeJob(job: StoredJob): Job {
  const { error } = job;
  const phases = job.phases === undefined ? [] : describePhases(job.id, job.state, job.phases);
  return {
    id: job.id,
    kind: job.kind as JobKind,
    state: encodeState(job.state),
    requestId: job.requestId,
    createTime: toTimestamp(job.createdMs),
    startTime: job.startedMs === undefined ? undefined : toTimestamp(job.startedMs),
    endTime: job.endedMs === undefined ? undefined : toTimestamp(job.endedMs),
    lastSequence: BigInt(job.lastSequence),
    queuePlace: job.queuePlace,
    progress: describeProgress(job, phases),
    error: error && readStored(`the error of ${job.id}`, () => Status.decode(error)),
    studyId: job.studyId,
    labels: { ...job.labels },
    phases,
    request: undefined,
    result: undefined,
  };
}

/**
 * The newest progress of a job as it stands: one that does not run has no pace, its phase is as it was left, and with
 * success all of its work is done, also what it did not need.
 */
function describeProgress({ id, state, progress }: StoredJob, phases: readonly JobPhase[]): JobProgress | undefined {
  if (progress === undefined) return undefined;
  const newest = readStored(`the progress of ${id}`, () => JobProgress.decode(progress));
  if (state === 'running') return newest;
  const { phase } = newest;
  return {
    ...newest,
    rate: undefined,
    remainingSeconds: undefined,
    overall: state === 'succeeded' && newest.overall !== undefined ? 1 : newest.overall,
    phase: phases.find(({ name, round }) => name === phase?.name && round === phase.round) ?? phase,
  };
}
