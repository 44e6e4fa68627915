import { describe, expect, it, vi } from 'vitest';
import { wrapLines } from '../../src/cli/output/wrap-lines.js';
import { createProgressDisplay } from '../../src/cli/output/progress.js';
import { showWaiting } from '../../src/cli/output/show-waiting.js';
import { announceCost } from '../../src/cli/session/announce-cost.js';
import { awaitPlan } from '../../src/cli/session/await-plan.js';
import { CallError, type Plan } from '../../src/client/index.js';
import { Plan as PlanMessage } from '../../src/gen/prunecast/v1/pruning.js';

const PLAN = PlanMessage.fromPartial({
  trials: 96n,
  tokens: 466_944n,
  estimatedSeconds: 762,
  phases: [
    { name: 'score', tokens: 40_960n, estimatedSeconds: 150 },
    { name: 'sample', trials: 48n, tokens: 196_608n, estimatedSeconds: 612 },
  ],
  peakMemoryBytes: 300n * 2n ** 20n,
  baseMemoryBytes: 200n * 2n ** 20n,
  diskBytes: 3n * 2n ** 20n,
});

/** What is said before a job of this plan, and whether its plan was asked for. */
async function announce(
  plan: () => Promise<Plan>,
  flags: Parameters<typeof announceCost>[2] = {},
): Promise<{ readonly said: readonly string[]; readonly asked: number }> {
  const said: string[] = [];
  let asked = 0;
  const ask = () => {
    asked += 1;
    return plan();
  };
  await announceCost(
    ask,
    { note: (line) => void said.push(...wrapLines([line], undefined)), waiting: () => () => undefined },
    flags,
  );
  return { said, asked };
}

/** What is written of something that takes so long. */
function watch(isTTY: boolean, milliseconds: number): string {
  let written = '';
  vi.useFakeTimers();
  try {
    const end = showWaiting(createProgressDisplay({ isTTY, write: (text) => (written += text) }), 'planning');
    vi.advanceTimersByTime(milliseconds);
    end();
    vi.advanceTimersByTime(5_000);
  } finally {
    vi.useRealTimers();
  }
  return written.replaceAll('\r\u001B[2K', '<');
}

describe('before a job begins', () => {
  it('its time, tokens, phases, memory and disk are told', async () => {
    expect((await announce(() => Promise.resolve(PLAN))).said).toEqual([
      'about 12 min 42 s: 96 architectures to evaluate, 466.9 k tokens to run',
      'score 2 min 30 s, sample 10 min 12 s',
      'memory up to about 300.0 MiB, of which the server itself takes 200.0 MiB; disk about 3.0 MiB',
    ]);
  });

  it('architectures that an earlier search has measured are told apart', async () => {
    const phases = [...PLAN.phases, { name: 'verify', trials: 0n, tokens: 0n, estimatedSeconds: 0 }];
    const { said } = await announce(() => Promise.resolve({ ...PLAN, phases, trials: 6n, knownTrials: 90n }));
    expect(said[0]).toContain(': 6 architectures to evaluate, 90 known from an earlier search, 466.9 k tokens');
    expect(said[1]).toBe('score 2 min 30 s, sample 10 min 12 s'); // nothing is left to verify
  });

  it('nothing is told, nor asked, with --json or --quiet', async () => {
    const none = { said: [], asked: 0 };
    expect(await announce(() => Promise.resolve(PLAN), { json: true })).toEqual(none);
    expect(await announce(() => Promise.resolve(PLAN), { quiet: true })).toEqual(none);
  });

  it('nothing is told of a job of less than two seconds, but of one whose time is unknown what is known', async () => {
    const short = await announce(() => Promise.resolve({ ...PLAN, estimatedSeconds: 1.9 }));
    expect(short.said).toEqual([]);
    const untimed = PLAN.phases.map((phase) => ({ ...phase, estimatedSeconds: undefined }));
    const unknown = await announce(() =>
      Promise.resolve({ ...PLAN, estimatedSeconds: undefined, timeUnknown: 'it is busy', phases: untimed }),
    );
    expect(unknown.said.slice(0, 2)).toEqual([
      'time unknown (it is busy): 96 architectures to evaluate, 466.9 k tokens to run',
      'score 41.0 k tokens, sample 196.6 k tokens',
    ]);
  });

  it('a refused plan is left to the job itself, which may exist already', async () => {
    const refusal = new CallError('the output exists', { code: 'ALREADY_EXISTS' });
    expect((await announce(() => Promise.reject(refusal))).said).toEqual([]);
    await expect(announce(() => Promise.reject(new RangeError('a fault')))).rejects.toThrow('a fault');
  });
});

describe('while a plan is made', () => {
  it('a line of a terminal counts the seconds and goes; elsewhere one line is written once; a short wait says nothing', () => {
    expect(watch(true, 3_100)).toBe('<planning  1 s<planning  2 s<planning  3 s<');
    expect(watch(false, 3_100)).toBe('planning\n');
    expect([watch(true, 900), watch(false, 900)]).toEqual(['', '']);
  });

  it('Ctrl-C gives the call up and fails the command', async () => {
    let isWaiting = false;
    const waiting = () => {
      isWaiting = true;
      return () => void (isWaiting = false);
    };
    const planned = awaitPlan(
      ({ signal }) => new Promise((_, fail) => signal?.addEventListener('abort', () => fail(signal.reason as Error))),
      { waiting },
    );
    expect(isWaiting).toBe(true);
    process.emit('SIGINT');
    await expect(planned).rejects.toThrow('no job was started');
    expect(isWaiting).toBe(false);
  });
});
