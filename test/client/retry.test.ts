import { Metadata } from '@grpc/grpc-js';
import { assert, asyncProperty, double, integer, record } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CallError } from '../../src/client/call-error.js';
import { DEFAULT_RETRY, type RetryPolicy } from '../../src/client/retry-policy.js';
import { repeatCall } from '../../src/client/retry.js';
import type { CallOptions } from '../../src/client/transport.js';

const lost = new CallError('connection refused', { code: 'UNAVAILABLE' });
const busy = (retryAfterMs: number | undefined) =>
  new CallError('too many wait', { code: 'RESOURCE_EXHAUSTED', reason: 'OVERLOADED', retryAfterMs });

/** As grpc-js throws it. */
function pushedBack(code: number, value: string): CallError {
  const metadata = new Metadata();
  metadata.set('grpc-retry-pushback-ms', value);
  return CallError.from(Object.assign(new Error('refused'), { code, details: 'refused', metadata }));
}

interface Setting {
  readonly policy?: Partial<RetryPolicy>;
  readonly call?: CallOptions;
  readonly wasReached?: boolean;
  readonly random?: () => number;
  /** How long each try takes. */
  readonly tryMs?: number;
  readonly onSleep?: () => void;
}

/** Plays the tries of one call on a clock of its own: what came, which waits there were, and the timeouts of the tries. */
async function play(
  tries: readonly (readonly (string | CallError)[])[],
  { policy, call = {}, wasReached = true, random = () => 1, tryMs = 0, onSleep }: Setting = {},
) {
  const [answers, waits, timeouts]: [string[], number[], (number | undefined)[]] = [[], [], []];
  let now = 0;
  let opened = 0;
  async function* open({ timeoutMs }: CallOptions): AsyncGenerator<string> {
    timeouts.push(timeoutMs);
    const items = tries[Math.min(opened, tries.length - 1)] ?? [];
    opened += 1;
    now += tryMs;
    for (const item of items) {
      if (item instanceof CallError) throw item;
      yield item;
    }
  }
  const clock = {
    now: () => now,
    random,
    sleep: async (delayMs: number, signal: AbortSignal | undefined) => {
      onSleep?.();
      signal?.throwIfAborted();
      waits.push(delayMs);
      now += delayMs;
    },
  };
  let error: unknown;
  try {
    const options = { policy: { ...DEFAULT_RETRY, ...policy }, wasReached: () => wasReached, clock };
    for await (const answer of repeatCall(open, call, options)) answers.push(answer);
  } catch (thrown) {
    error = thrown;
  }
  return { answers, waits, timeouts, error, opened, now };
}

describe('repeatCall', () => {
  it('makes a call again after UNAVAILABLE, after waits whose limit doubles up to the longest', async () => {
    const { waits, answers, opened } = await play([...Array.from({ length: 6 }, () => [lost]), ['there']], {
      policy: { firstDelayMs: 100, maxDelayMs: 1_000 },
    });
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect([answers, opened]).toEqual([['there'], 7]);
  });

  it('draws each wait from all between nothing and its limit, so that callers do not come back together', async () => {
    const draws = [0, 0.5, 0.25];
    const { waits } = await play([[lost], [lost], [lost], ['there']], { random: () => draws.shift() ?? 1 });
    expect(waits).toEqual([0, 100, 100]); // 0 of 100, half of 200, a quarter of 400
  });

  it('passes on at once what another try cannot mend, and what a busy server said no time of', async () => {
    const gone = new CallError('no such job', { code: 'NOT_FOUND', reason: 'JOB_NOT_FOUND' });
    for (const error of [gone, busy(undefined), new CallError('late', { code: 'DEADLINE_EXCEEDED' })])
      expect(await play([[error], ['there']])).toMatchObject({ error, opened: 1 });
  });

  it('comes back to a busy server when it said, and no earlier', async () => {
    const answered = await play([[busy(1_500)], [busy(700)], ['there']], { random: () => 0 });
    expect(answered).toMatchObject({ waits: [1_500, 700], answers: ['there'] });
    const { waits } = await play([[busy(1_500)], ['there']], { random: () => 0.5 });
    expect(waits).toEqual([1_575]); // up to a tenth later
  });

  it('does not wait for a busy server beyond its patience', async () => {
    expect(await play([[busy(40_000)], ['there']])).toMatchObject({ error: { reason: 'OVERLOADED' }, waits: [] });
  });

  it('does as the server says in grpc-retry-pushback-ms', async () => {
    expect(await play([[pushedBack(14, '250')], ['there']])).toMatchObject({ waits: [250], answers: ['there'] });
    for (const value of ['-1', 'soon', ''])
      expect(await play([[pushedBack(14, value)], ['there']])).toMatchObject({
        opened: 1,
        error: { code: 'UNAVAILABLE' },
      });
    expect(await play([[pushedBack(5, '250')], ['there']])).toMatchObject({ opened: 1, error: { code: 'NOT_FOUND' } });
  });

  it('never makes a call again whose first answer has come', async () => {
    expect(await play([['first', lost], ['first']])).toMatchObject({ answers: ['first'], error: lost, opened: 1 });
  });

  it('gives each try what is left of the deadline, and begins no wait that ends after it', async () => {
    const { timeouts, error } = await play([[lost]], { call: { timeoutMs: 1_000 }, tryMs: 10 });
    expect(timeouts).toEqual([1_000, 890, 680, 270]); // each 10 for the try, then 100, 200 and 400; 800 would be too long
    expect(error).toBe(lost);
  });

  it('ends during a wait when its caller aborts', async () => {
    const abort = new AbortController();
    const call = { signal: abort.signal };
    expect(await play([[lost]], { call, onSleep: () => abort.abort() })).toMatchObject({
      error: { code: 'CANCELLED' },
      opened: 1,
    });
  });

  it('gives up sooner on a server that was never heard of', async () => {
    const [known, unknown] = [await play([[lost]]), await play([[lost]], { wasReached: false })];
    expect(known.waits).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000]); // eight tries
    expect(unknown.waits).toEqual([100, 200, 400, 800]); // 1,600 more would be above 2,000
  });

  it('keeps within its tries and its time, whatever chance says', async () => {
    const settings = record({
      maxAttempts: integer({ min: 1, max: 20 }),
      firstDelayMs: integer({ min: 0, max: 500 }),
      maxDelayMs: integer({ min: 1, max: 2_000 }),
      giveUpAfterMs: integer({ min: 0, max: 5_000 }),
    });
    await assert(
      asyncProperty(settings, double({ min: 0, max: 1, noNaN: true }), async (policy, chance) => {
        const { opened, now, waits } = await play([[lost]], { policy, random: () => chance });
        expect(opened).toBeLessThanOrEqual(policy.maxAttempts);
        expect(now).toBeLessThanOrEqual(policy.giveUpAfterMs);
        for (const wait of waits) expect(wait).toBeLessThanOrEqual(policy.maxDelayMs);
      }),
    );
  });
});
