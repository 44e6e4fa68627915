import type { Logger } from 'pino';
import type { EventRecord } from '../../core/ports/job-store.js';
import { JobEvent, type JobKind, jobKindToJSON, JobState } from '../../gen/prunecast/v1/job.js';
import { StudyPhase } from '../../gen/prunecast/v1/study_types.js';
import { quotesRequest } from '../../core/errors/quotes-request.js';
import { Status } from '../../gen/google/rpc/status.js';
import { encodeStatus, nameCode, readErrorInfo } from '../errors/encode-status.js';
import type { EventCodec } from '../jobs/event-codec.js';
import { encodePayload } from '../records/job-records.js';
import { decodePhases, encodePhases } from '../records/phase-records.js';
import { encodeProgress } from '../records/encode-progress.js';

/** The events of the runner of jobs, as messages of the API. */
export const EVENT_CODEC: EventCodec = {
  queued: (place) => encodePayload({ $case: 'queued', value: { place } }),
  started: () => encodePayload({ $case: 'started', value: {} }),
  progress: ({ saved = false, ...progress }) => {
    const event = encodePayload({ $case: 'progress', value: encodeProgress(progress) });
    return saved && event.change.to === 'progress' ? { ...event, change: { ...event.change, saved } } : event;
  },
  paused: () => pauseFor(undefined),
  held: (error, log) => pauseFor(encodeStatus(error, log)),
  readError: (error) => {
    try {
      return readErrorInfo(Status.decode(error));
    } catch {
      return undefined;
    }
  },
  cancelled: (error, log) => end(JobState.CANCELLED, error, log),
  failed: (error, log) => end(JobState.FAILED, error, log),
  heartbeat: () => JobEvent.encode(JobEvent.create({ payload: { $case: 'heartbeat', value: {} } })).finish(),
  encodePhases,
  decodePhases,
};

function pauseFor(error: Status | undefined): EventRecord {
  return encodePayload({ $case: 'paused', value: { before: StudyPhase.UNSPECIFIED, ranges: [], error } });
}

function end(state: JobState, error: unknown, log: Logger): EventRecord {
  return encodePayload({ $case: 'ended', value: { state, error: encodeStatus(error, log), result: undefined } });
}

/** The stored error of a job as the log has it, without what a caller has sent; `error_id` leads to the line with the cause. */
export function describeJobError(bytes: Uint8Array): Readonly<Record<string, string>> {
  const status = Status.decode(bytes);
  const info = readErrorInfo(status);
  const errorId = info?.metadata['error_id'];
  const code = nameCode(status.code);
  return {
    code,
    ...(info && { reason: info.reason }),
    ...(errorId !== undefined && { error_id: errorId }),
    ...(!quotesRequest(code) && { message: status.message }),
  };
}

/** The name of a kind of job: `SEARCH`. */
export function nameKind(kind: number): string {
  return jobKindToJSON(kind as JobKind).replace('JOB_KIND_', '');
}
