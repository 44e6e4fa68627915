import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import {
  isEnded,
  type EventRecord,
  type HeldJob,
  type JobChange,
  type JobStore,
  type LeaseStore,
  type NewJob,
  type StoredEvent,
  type StoredJob,
} from '../../../core/ports/job-store.js';
import { readPageToken, takePage } from '../pages.js';

/** A job with all that is stored of it. */
interface JobEntry {
  readonly number: number;
  readonly request: NewJob['request'];
  job: StoredJob;
  events: readonly StoredEvent[];
  owner: string;
  token: number;
  untilMs: number;
}

export interface MemoryJobs {
  readonly jobs: JobStore;
  readonly leases: LeaseStore;
  /** The number of the newest event of a job that its writer may write to; otherwise `undefined`. */
  hold(job: HeldJob): number | undefined;
  /** Stores an event; returns its number, or `undefined` as `hold`. */
  append(job: HeldJob, event: EventRecord, timeMs: number): number | undefined;
}

const FIRST_TOKEN = 1;

/** The most bytes that a follower of a job reads at a time. */
const MOST_BATCH_BYTES = 2 ** 20;

export function createMemoryJobs(): MemoryJobs {
  /** By id, oldest first. */
  const entries = new Map<string, JobEntry>();
  let created = 0;
  const find = (jobId: string): JobEntry => {
    const entry = entries.get(jobId);
    if (entry === undefined)
      throw new PrunecastError('JOB_NOT_FOUND', `no job has the id "${jobId}"`, { metadata: { job_id: jobId } });
    return entry;
  };
  const findHeld = ({ jobId, token }: HeldJob): JobEntry | undefined => {
    const entry = entries.get(jobId);
    return entry !== undefined && entry.token === token && !isEnded(entry.job.state) ? entry : undefined;
  };
  const append: MemoryJobs['append'] = (job, { payload, change, phases }, timeMs) => {
    const entry = findHeld(job);
    if (entry === undefined) return undefined;
    const sequence = entry.job.lastSequence + 1;
    entry.job = {
      ...changeJob(entry.job, structuredClone(change), timeMs),
      ...(phases === undefined ? {} : { phases: Uint8Array.from(phases) }),
      lastSequence: sequence,
    };
    entry.events = [...entry.events, { sequence, timeMs, payload: Uint8Array.from(payload) }];
    return sequence;
  };
  const jobs: JobStore = {
    create: async (job, first, { owner, untilMs }) => {
      if (entries.has(job.id)) throw new Error(`there is a job ${job.id} already`);
      if (job.requestId !== '' && [...entries.values()].some((other) => other.job.requestId === job.requestId))
        throw new Error(`there is a job of the request ${job.requestId} already`);
      created += 1;
      entries.set(job.id, {
        number: created,
        request: structuredClone(job.request),
        job: newJob(job),
        events: [],
        owner,
        token: FIRST_TOKEN,
        untilMs,
      });
      const held = { jobId: job.id, token: FIRST_TOKEN };
      append(held, first, job.createdMs);
      return held;
    },
    append: async (events, timeMs) =>
      events.flatMap((event) => {
        const sequence = append(event, event, timeMs);
        return sequence === undefined ? [] : [{ jobId: event.jobId, sequence }];
      }),
    get: async (jobId) => structuredClone(find(jobId).job),
    findByRequestId: async (requestId) => {
      const entry = [...entries.values()].find(({ job }) => job.requestId === requestId);
      return entry && { jobId: entry.job.id, requestDigest: entry.job.requestDigest };
    },
    list: async ({ kind, state, labels = {}, pageSize, pageToken }) => {
      const before = readPageToken(pageToken) ?? Infinity;
      const rows = [...entries.values()]
        .reverse()
        .filter(
          ({ number, job }) =>
            number < before &&
            (kind ?? job.kind) === job.kind &&
            (state ?? job.state) === job.state &&
            Object.entries(labels).every(([name, value]) => job.labels[name] === value),
        );
      return takePage(rows.slice(0, pageSize + 1), pageSize, {
        key: ({ number }) => number,
        bytes: ({ job }) =>
          300 +
          (job.progress?.length ?? 0) +
          (job.error?.length ?? 0) +
          (job.phases?.length ?? 0) +
          Buffer.byteLength(job.requestId) +
          Buffer.byteLength(job.caller) +
          Buffer.byteLength(JSON.stringify(job.labels)),
        value: ({ job }) => structuredClone(job),
      });
    },
    unfinished: async () =>
      [...entries.values()].flatMap(({ job }) => (isEnded(job.state) ? [] : [structuredClone(job)])),
    request: async (jobId) => structuredClone(entries.get(jobId)?.request),
    eventsAfter: async (jobId, sequence, limit) => {
      const ahead = (entries.get(jobId)?.events ?? []).filter((event) => event.sequence > sequence).slice(0, limit);
      return structuredClone(ahead.slice(0, countFitting(ahead)));
    },
    oldestSequence: async (jobId) => entries.get(jobId)?.events[0]?.sequence ?? 1,
    compact: async (jobId, sequence) => {
      const entry = entries.get(jobId);
      if (entry !== undefined) entry.events = entry.events.filter((event) => event.sequence > sequence);
    },
    remove: async (jobId) => void entries.delete(jobId),
  };
  const leases: LeaseStore = {
    take: async (jobId, { owner, untilMs }, { nowMs, isGone }) => {
      const entry = entries.get(jobId);
      if (entry === undefined || isEnded(entry.job.state)) return undefined;
      const runs = entry.untilMs > nowMs && entry.owner !== owner && entry.owner !== '';
      if (runs && !isGone(entry.owner)) return undefined;
      Object.assign(entry, { owner, untilMs, token: entry.token + 1 });
      return entry.token;
    },
    renew: async ({ owner, untilMs }) =>
      [...entries.values()].flatMap((entry) => {
        if (entry.owner !== owner || isEnded(entry.job.state)) return [];
        entry.untilMs = untilMs;
        return [entry.job.id];
      }),
    release: async (owner, jobId) => {
      for (const entry of entries.values()) {
        if (entry.owner !== owner || (jobId ?? entry.job.id) !== entry.job.id) continue;
        entry.untilMs = 0;
        entry.job = { ...entry.job, fruitlessStarts: 0 };
      }
    },
  };
  return { jobs, leases, append, hold: (job) => findHeld(job)?.job.lastSequence };
}

/** A job before its first event. */
function newJob({ id, kind, requestId, requestDigest, studyId, labels, caller, origin, createdMs }: NewJob): StoredJob {
  return {
    id,
    kind,
    requestId,
    requestDigest,
    studyId,
    labels: structuredClone(labels),
    caller,
    ...(origin !== undefined && { origin }),
    createdMs,
    state: 'queued',
    startedMs: undefined,
    endedMs: undefined,
    lastSequence: 0,
    queuePlace: 0,
    progress: undefined,
    error: undefined,
    phases: undefined,
    fruitlessStarts: 0,
  };
}

function changeJob(job: StoredJob, change: JobChange, timeMs: number): StoredJob {
  switch (change.to) {
    case 'queued':
      return { ...job, state: 'queued', queuePlace: change.place, error: undefined };
    case 'running':
      return {
        ...job,
        state: 'running',
        queuePlace: 0,
        error: undefined,
        startedMs: timeMs,
        fruitlessStarts: job.fruitlessStarts + 1,
      };
    case 'paused':
      return { ...job, state: 'paused', fruitlessStarts: 0, error: change.error };
    case 'progress':
      return { ...job, progress: change.progress, ...(change.saved === true ? { fruitlessStarts: 0 } : {}) };
    case 'worked':
      return { ...job, fruitlessStarts: 0 };
    default:
      return { ...job, state: change.to, queuePlace: 0, endedMs: timeMs, error: change.error };
  }
}

/** How many of the first events fit a batch. */
function countFitting(events: readonly StoredEvent[]): number {
  let total = 0;
  const tooMany = events.findIndex(({ payload }, index) => {
    total += payload.length;
    return index > 0 && total > MOST_BATCH_BYTES;
  });
  return tooMany === -1 ? events.length : tooMany;
}
