import { array, assert, asyncProperty, constantFrom, integer, record } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CallError } from '../../src/client/call-error.js';
import { followEvents, type EventSource, type FollowOptions } from '../../src/client/follow-events.js';
import { JobEvent, JobState } from '../../src/gen/prunecast/v1/job.js';
import { detailedStatus, endEvent, progressEvent } from './fake-server.js';

const lost = new CallError('connection dropped', { code: 'UNAVAILABLE' });
const fast = { reattach: { firstDelayMs: 1, maxDelayMs: 1 } } satisfies FollowOptions;
const heartbeat = JobEvent.fromPartial({ jobId: 'job-1', sequence: 0, payload: { $case: 'heartbeat', value: {} } });
const job = (events: number) => [
  ...Array.from({ length: events - 1 }, (_, index) => progressEvent(index + 1)),
  endEvent(events),
];

async function* play(items: readonly (JobEvent | CallError)[]): AsyncGenerator<JobEvent> {
  for (const item of items) {
    if (item instanceof CallError) throw item;
    yield item;
  }
}

async function* hang(signal: AbortSignal | undefined): AsyncGenerator<JobEvent> {
  yield progressEvent(1);
  await new Promise((_, fail) => signal?.addEventListener('abort', () => fail(lost)));
}

async function* silent(signal: AbortSignal | undefined): AsyncGenerator<JobEvent> {
  yield await new Promise<never>((_, fail) => signal?.addEventListener('abort', () => fail(lost)));
}

async function read(
  source: EventSource,
  options: FollowOptions = fast,
): Promise<{ sequences: number[]; error?: unknown }> {
  const sequences: number[] = [];
  try {
    for await (const event of followEvents(source, options)) sequences.push(Number(event.sequence));
    return { sequences };
  } catch (error) {
    return { sequences, error };
  }
}

describe('followEvents', () => {
  it('yields every event once and in order, wherever and however often the stream is cut', async () => {
    const cuts = array(
      record({
        length: integer({ min: 0, max: 6 }),
        overlap: integer({ min: 0, max: 3 }),
        how: constantFrom('error', 'end', 'gap'),
      }),
      { maxLength: 12 },
    );
    await assert(
      asyncProperty(cuts, integer({ min: 1, max: 20 }), async (cuts, total) => {
        const events = job(total);
        let opened = 0;
        // A cruel server: it repeats events that were read already, sends heartbeats, skips events, and cuts the stream.
        const serve = (after: number) => {
          const cut = cuts[opened];
          opened += 1;
          if (cut === undefined) return play(events.slice(after));
          const sent = events.slice(Math.max(0, after - cut.overlap), after + cut.length);
          if (sent.length === 0 || cut.how === 'end') return play([heartbeat, ...sent]);
          const beyond = cut.length > 0 ? events[after + cut.length + 1] : undefined;
          return play([...sent, heartbeat, ...(cut.how === 'gap' && beyond !== undefined ? [beyond] : []), lost]);
        };
        const { sequences, error } = await read(
          { start: () => serve(0), watch: (_, after) => serve(Number(after)) },
          { reattach: { ...fast.reattach, giveUpStartAfterMs: 10_000 } },
        );
        expect(error).toBeUndefined();
        expect(sequences).toEqual(events.map(({ sequence }) => Number(sequence)));
      }),
      { numRuns: 60 },
    );
  });

  it('starts the job again only while no event has come, and watches it afterwards', async () => {
    const opened: string[] = [];
    const starts = [[lost], [progressEvent(1), lost]];
    await read({
      start: () => {
        opened.push('start');
        return play(starts.shift() ?? []);
      },
      watch: (jobId, after) => {
        opened.push(`${jobId} after ${after}`);
        return play(job(3).slice(Number(after)));
      },
    });
    expect(opened).toEqual(['start', 'start', 'job-1 after 1']);
  });

  it('throws the error of a failed job after its terminal event, and does not take up the stream for it', async () => {
    let opened = 0;
    const { sequences, error } = await read({
      watch: () => {
        opened += 1;
        return play([progressEvent(1), endEvent(2, JobState.FAILED, detailedStatus(14, 'SERVER_STOPPING', 'no more'))]);
      },
      jobId: 'job-1',
    });
    expect(sequences).toEqual([1, 2]);
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'SERVER_STOPPING', message: 'no more' });
    expect(opened).toBe(1);
  });

  it('passes on at once what no retry helps', async () => {
    const gone = new CallError('no such job', { code: 'NOT_FOUND', reason: 'JOB_NOT_FOUND' });
    const { error } = await read({ watch: () => play([gone]), jobId: 'job-1' });
    expect(error).toBe(gone);
  });

  it('fails when the server keeps no events between two numbers, rather than to skip them', async () => {
    const { sequences, error } = await read({
      watch: (_, after) =>
        play(
          job(5)
            .slice(Number(after))
            .filter(({ sequence }) => sequence !== 2n),
        ),
      jobId: 'job-1',
    });
    expect(sequences).toEqual([1]);
    expect(error).toMatchObject({ code: 'DATA_LOSS', message: 'events between 1 and 3 are missing' });
  });

  it('gives up with the last error when the server stays away', async () => {
    const { error } = await read(
      { start: () => play([lost]), watch: () => play([lost]) },
      { reattach: { firstDelayMs: 1, giveUpStartAfterMs: 20 } },
    );
    expect(error).toBe(lost);
  });

  it('takes a stream that falls silent for lost, but not one whose reader is slow', async () => {
    let opened = 0;
    const losses: string[] = [];
    const events = followEvents(
      {
        watch: (_, after, { signal }) => {
          opened += 1;
          return opened === 1 ? hang(signal) : play(job(3).slice(Number(after)));
        },
        jobId: 'job-1',
      },
      { reattach: { ...fast.reattach, silenceMs: 40 }, onLost: ({ error }) => losses.push(error.message) },
    );
    const sequences: number[] = [];
    for await (const event of events) {
      sequences.push(Number(event.sequence));
      if (event.sequence === 2n) await new Promise((done) => setTimeout(done, 100));
    }
    expect(sequences).toEqual([1, 2, 3]);
    expect(losses).toEqual(['nothing was heard of the server for 0.04 s']);
  });

  it('waits on a silent stream that breaks with its server: the machine is busy', async () => {
    let [opened, silences] = [0, 0];
    const { sequences, error } = await read(
      {
        breaksWithServer: true,
        watch: async function* () {
          opened += 1;
          await new Promise((done) => setTimeout(done, 60));
          yield* play(job(2));
        },
        jobId: 'job-1',
      },
      { reattach: { ...fast.reattach, silenceMs: 10 }, onSilence: () => (silences += 1) },
    );
    expect([sequences, error, opened, silences]).toEqual([[1, 2], undefined, 1, 1]);
  });

  it('tries again where a server falls silent before the first event, however short its patience for a wrong address', async () => {
    let opened = 0;
    const { sequences, error } = await read(
      {
        start: ({ signal }) => {
          opened += 1;
          return opened === 1 ? silent(signal) : play(job(2));
        },
        watch: () => play([lost]),
      },
      { reattach: { ...fast.reattach, silenceMs: 20, giveUpStartAfterMs: 0 } },
    );
    expect([sequences, error, opened]).toEqual([[1, 2], undefined, 2]);
  });

  it('ends during a wait when its caller aborts', async () => {
    const abort = new AbortController();
    const reading = read(
      { watch: () => play([progressEvent(1), lost]), jobId: 'job-1' },
      { reattach: { firstDelayMs: 60_000 }, signal: abort.signal, onLost: () => abort.abort() },
    );
    expect(await reading).toMatchObject({ sequences: [1], error: { code: 'CANCELLED' } });
  });
});
