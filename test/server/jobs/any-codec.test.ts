import { pino } from 'pino';
import { expect, it } from 'vitest';
import type { EventRecord, JobChange } from '../../../src/core/ports/job-store.js';
import { NO_TRACER } from '../../../src/core/ports/tracer.js';
import { createMemoryStore } from '../../../src/server/adapters/in-memory/memory-store.js';
import { createJobQueue } from '../../../src/server/adapters/in-process-queue/job-queue.js';
import { createJobs } from '../../../src/server/jobs/create-jobs.js';
import type { EventCodec } from '../../../src/server/jobs/event-codec.js';
import { createJobEvents } from '../../../src/server/jobs/events.js';
import type { RestartableKind } from '../../../src/server/jobs/jobs.js';
import type { JobPhase } from '../../../src/server/jobs/phase-log.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (encoded: Uint8Array): string => new TextDecoder().decode(encoded);
const event = (words: string, change: JobChange): EventRecord => ({ kind: 'event', payload: bytes(words), change });

/** Events as plain words, in place of messages of the API. */
const WORDS: EventCodec = {
  queued: (place) => event(`queued ${place}`, { to: 'queued', place }),
  started: () => event('started', { to: 'running' }),
  progress: ({ done, total }) => event(`${done}/${total}`, { to: 'progress', progress: bytes(`${done}`) }),
  paused: () => event('paused', { to: 'paused' }),
  held: (error) => event(`held: ${String(error)}`, { to: 'paused', error: bytes(error.reason) }),
  readError: (error) => ({ reason: text(error), metadata: {} }),
  cancelled: (error) => event(`cancelled: ${String(error)}`, { to: 'cancelled', error: undefined }),
  failed: (error) => event(`failed: ${String(error)}`, { to: 'failed', error: undefined }),
  heartbeat: () => bytes('heartbeat'),
  encodePhases: (phases) => bytes(JSON.stringify(phases)),
  decodePhases: (_jobId, stored) => JSON.parse(text(stored)) as readonly JobPhase[],
};

it('jobs of any kind run, pause and are resumed with any input, their events encoded in any way', async () => {
  const stopping = new AbortController();
  const store = createMemoryStore();
  const clock = { now: () => 5 };
  const events = createJobEvents({
    store,
    codec: WORDS,
    clock,
    stopping: stopping.signal,
    heartbeatMs: 1_000_000,
    keptEvents: 1000,
  });
  const kind: RestartableKind = {
    kind: 77,
    laneOf: () => 'model',
    restart:
      (request, { plan }) =>
      async ({ commit }) => {
        await commit([event(`went on with ${text(request)} as ${String(plan)}`, { to: 'worked' })], []);
        return event('done', { to: 'succeeded', error: undefined });
      },
    resume: async (_request, _job, input) => {
      if (text(input) !== 'please') throw new RangeError(`"${text(input)}" is no way to ask`);
      return [event(`asked with ${text(input)}`, { to: 'worked' })];
    },
  };
  const jobs = createJobs({
    store,
    tracer: NO_TRACER,
    owner: { name: 'server', isGone: () => false },
    leaseMs: 1_000_000,
    codec: WORDS,
    createId: (prefix) => `${prefix}-1`,
    discard: async () => undefined,
    events,
    clock,
    log: pino({ level: 'silent' }),
    kinds: [kind],
    interruptedJobs: 'resume',
    stopping: stopping.signal,
    nameKind: String,
    queue: createJobQueue({
      concurrentJobs: 1,
      maxQueuedJobs: 1,
      maxQueuedJobsPerKind: 1,
      maxQueuedJobsPerCaller: 1,
      maxQueuedBytes: 1000,
    }),
    drainMs: 0,
    cancelGraceMs: 10,
    storeRetryMs: 10,
    mostWaitMs: 600_000,
    room: { freeBytes: async () => undefined },
  });
  const { jobId } = await jobs.start({
    lane: 'model',
    kind: 77,
    requestId: '',
    requestDigest: '',
    request: { bytes: bytes('a request'), plan: 'a plan' },
    run: async () => event('waiting for a word', { to: 'paused' }),
  });
  const told: string[] = [];
  const follow = async (): Promise<void> => {
    for await (const { payload } of events.follow(jobId, 0n, new AbortController().signal)) {
      told.push(text(payload));
      if (told.at(-1) !== 'waiting for a word') continue;
      await expect(jobs.resume(jobId, bytes('now'), stopping.signal)).rejects.toThrow('"now" is no way to ask');
      await jobs.resume(jobId, bytes('please'), stopping.signal);
    }
  };
  await follow();
  expect(told).toEqual([
    'started',
    'waiting for a word',
    'asked with please',
    'queued 1',
    'started',
    'went on with a request as a plan',
    'done',
  ]);
  expect(await jobs.get(jobId)).toMatchObject({ kind: 77, state: 'succeeded', lastSequence: 7 });
  stopping.abort(new Error('the test is over'));
  await jobs.settled();
});
