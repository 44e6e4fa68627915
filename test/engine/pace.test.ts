import { describe, expect, it } from 'vitest';
import { createPace, unlessBusy } from '../../src/engine/pace.js';

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

describe('unlessBusy', () => {
  it('throws the reason of the caller who no longer wants to know', async () => {
    const gone = new Error('gone');
    await expect(unlessBusy(AbortSignal.abort(gone), failAsTold)).rejects.toBe(gone);
  });
});

function failAsTold(signal: AbortSignal): Promise<never> {
  return Promise.reject(signal.reason as Error);
}
