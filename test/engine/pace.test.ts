import { describe, expect, it } from 'vitest';
import { factoriseInPlace, invertLower } from '../../src/engine/compensation/cholesky.js';
import { createPace, measureFactorisation } from '../../src/engine/pace.js';

/** Results that take this long each, by their own clock. */
function createRun() {
  let time = 0;
  const pace = createPace(() => time);
  async function* run(results: number, milliseconds: number) {
    for (let result = 0; result < results; result++) {
      time += milliseconds;
      yield result;
    }
  }
  return { pace, run, wait: (milliseconds: number) => void (time += milliseconds) };
}

/** The first run, which reads the weights and compiles. */
async function warmUp({ pace, run }: ReturnType<typeof createRun>): Promise<void> {
  for await (const _ of pace.watch(run(1, 60_000), () => 1));
}

describe('createPace', () => {
  it('knows nothing from the first run, which reads the weights', async () => {
    const runs = createRun();
    await warmUp(runs);
    expect(runs.pace.productsPerSecond()).toBeUndefined();
  });

  it('is what was computed per time spent waiting for results, whatever the reader does in between', async () => {
    const runs = createRun();
    const { pace, run, wait } = runs;
    await warmUp(runs);
    expect(pace.productsPerSecond()).toBeUndefined();
    for await (const _ of pace.watch(run(3, 500), () => 100)) wait(10_000);
    expect(pace.productsPerSecond()).toBe(200);
  });

  it('forgets old runs', async () => {
    const runs = createRun();
    const { pace, run } = runs;
    await warmUp(runs);
    for await (const _ of pace.watch(run(1, 1_000_000), () => 100));
    for (let turn = 0; turn < 8; turn++) for await (const _ of pace.watch(run(2, 100), () => 10));
    expect(pace.productsPerSecond()).toBe(100);
  });

  it('counts the results of a run that is stopped early', async () => {
    const runs = createRun();
    const { pace, run } = runs;
    await warmUp(runs);
    for await (const result of pace.watch(run(10, 100), () => 50)) if (result === 1) break;
    expect(pace.productsPerSecond()).toBe(500);
  });
});

/** Milliseconds of processor time of this process. */
const now = (): number => process.cpuUsage().user / 1000;

describe('measureFactorisation', () => {
  it('is the pace at which matrices of another size are really factorised and inverted', () => {
    const size = 400;
    const matrix = new Float64Array(size ** 2);
    for (let row = 0; row < size; row++) matrix[row * (size + 1)] = 2;
    const from = now();
    for (const _ of factoriseInPlace(matrix, size));
    for (const _ of invertLower(matrix, size));
    const seconds = (now() - from) / 1000;
    const estimated = ((2 / 3) * size ** 3) / measureFactorisation(now);
    expect(estimated / seconds).toBeGreaterThan(1 / 4);
    expect(estimated / seconds).toBeLessThan(4);
  });

  it('counts no time in which the processor did other work', () => {
    // A clock that says how often it was asked, but for an hour between the third and the fourth answer.
    let asked = 0;
    const seconds = ((2 / 3) * 256 ** 3) / measureFactorisation(() => (asked++ >= 3 ? 3_600_000 : 0) + asked);
    // One tick of a millisecond, and four tenths more in large matrices.
    expect(seconds).toBeCloseTo(0.0014, 9);
  });
});
