import { describe, expect, it } from 'vitest';
import { announceCost } from '../../src/cli/session/announce-cost.js';
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
  await announceCost(ask, { note: (line) => void said.push(line) }, flags);
  return { said, asked };
}

describe('before a job begins', () => {
  it('its time, tokens, phases, memory and disk are told', async () => {
    expect((await announce(() => Promise.resolve(PLAN))).said).toEqual([
      'about 12 min 42 s: 96 architectures to evaluate, 466.9 k tokens to run',
      'score 2 min 30 s, sample 10 min 12 s',
      'memory up to about 300.0 MiB, of which the server itself takes 200.0 MiB; disk about 3.0 MiB',
    ]);
  });

  it('nothing is told, nor asked, with --json or --quiet', async () => {
    const none = { said: [], asked: 0 };
    expect(await announce(() => Promise.resolve(PLAN), { json: true })).toEqual(none);
    expect(await announce(() => Promise.resolve(PLAN), { quiet: true })).toEqual(none);
  });

  it('nothing is told of a job of less than two seconds, but of one whose time is unknown what is known', async () => {
    const short = await announce(() => Promise.resolve({ ...PLAN, estimatedSeconds: 1.9 }));
    expect(short.said).toEqual([]);
    const unknown = await announce(() => Promise.resolve({ ...PLAN, estimatedSeconds: undefined, phases: [] }));
    expect(unknown.said[0]).toBe('time unknown: 96 architectures to evaluate, 466.9 k tokens to run');
  });

  it('a refused plan is left to the job itself, which may exist already', async () => {
    const refusal = new CallError('the output exists', { code: 'ALREADY_EXISTS' });
    expect((await announce(() => Promise.reject(refusal))).said).toEqual([]);
    await expect(announce(() => Promise.reject(new RangeError('a fault')))).rejects.toThrow('a fault');
  });
});
