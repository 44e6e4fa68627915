import { describe, expect, it, vi } from 'vitest';
import { createMemoryPool, type MemoryPool, type PoolPlace } from '../../../src/engine/workers/memory-pool.js';

const never = new AbortController().signal;

/** A model of the pool that keeps `keeps` bytes after a call. */
function joinModel(pool: MemoryPool, { wishes, keeps }: { readonly wishes: number; readonly keeps: number }) {
  const state = { held: 0, busy: false, rests: 0 };
  const place: PoolPlace = pool.join({
    wishedBytes: wishes,
    isBusy: () => state.busy,
    heldBytes: () => state.held,
    rest: async () => {
      state.held = 0;
      state.rests += 1;
    },
    close: async () => undefined,
  });
  return {
    state,
    place,
    begin: async (leastBytes = 0, signal = never): Promise<number> => {
      const granted = await place.enter(leastBytes, signal);
      state.busy = true;
      return granted;
    },
    end: (): void => {
      state.busy = false;
      state.held = keeps;
      place.leave();
    },
  };
}

/** Whether a promise is still pending after all immediate work is done. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise
    .then(
      () => undefined,
      () => undefined,
    )
    .finally(() => {
      settled = true;
    });
  for (let turn = 0; turn < 5; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
  return !settled;
}

describe('one memory budget for several models', () => {
  it('ends the least recently used threads when another model needs their memory, and no more of them', async () => {
    const pool = createMemoryPool({ budgetBytes: 100 });
    const [first, second, third] = [
      joinModel(pool, { wishes: 50, keeps: 30 }),
      joinModel(pool, { wishes: 50, keeps: 30 }),
      joinModel(pool, { wishes: 60, keeps: 30 }),
    ];
    for (const model of [first, second]) {
      await model.begin();
      model.end();
    }
    await first.begin();
    first.end(); // now the most recently used
    expect(await third.begin()).toBe(70); // of 100, minus what `first` still holds
    expect([first.state.rests, second.state.rests]).toEqual([0, 1]);
  });

  it('lets models that fit together keep everything they hold', async () => {
    const pool = createMemoryPool({ budgetBytes: 100 });
    const models = Array.from({ length: 5 }, () => joinModel(pool, { wishes: 10, keeps: 5 }));
    for (const model of models) {
      await model.begin();
      model.end();
    }
    expect(models.map(({ state }) => state.rests)).toEqual([0, 0, 0, 0, 0]);
  });

  it('never ends a busy thread, and lets a call wait until there is enough memory for it', async () => {
    const pool = createMemoryPool({ budgetBytes: 100, reserve: 1 / 4 });
    const [first, second] = [joinModel(pool, { wishes: 100, keeps: 50 }), joinModel(pool, { wishes: 100, keeps: 0 })];
    expect(await first.begin()).toBe(75);
    expect(await second.begin()).toBe(18); // three quarters of the 25 that are left
    second.end();
    const more = second.begin(60);
    expect(await isPending(more)).toBe(true);
    first.end();
    expect(await more).toBeGreaterThanOrEqual(60);
    expect(first.state.rests).toBe(1);
  });

  it('counts a thread as busy until it has answered a call that was cancelled', async () => {
    const pool = createMemoryPool({ budgetBytes: 100 });
    const [first, second] = [joinModel(pool, { wishes: 100, keeps: 0 }), joinModel(pool, { wishes: 100, keeps: 0 })];
    await first.begin();
    first.place.leave(); // its caller has given up, but it still works
    const waiting = second.begin();
    expect(await isPending(waiting)).toBe(true);
    first.state.busy = false;
    first.place.settle();
    expect(await waiting).toBe(100);
  });

  it('divides the budget between as many jobs as may run', async () => {
    const pool = createMemoryPool({ budgetBytes: 120, sharers: 3 });
    const models = Array.from({ length: 3 }, () => joinModel(pool, { wishes: 120, keeps: 0 }));
    expect([await models[0]?.begin(), await models[1]?.begin(), await models[2]?.begin()]).toEqual([40, 40, 40]);
  });

  it('ends a waiting call with the reason of its signal, and continues with the next', async () => {
    const pool = createMemoryPool({ budgetBytes: 100 });
    const [first, second, third] = Array.from({ length: 3 }, () => joinModel(pool, { wishes: 100, keeps: 0 }));
    await first?.begin();
    const controller = new AbortController();
    const given = second?.begin(0, controller.signal);
    const behind = third?.begin();
    controller.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    first?.end();
    expect(await behind).toBe(100);
  });

  it('keeps a held thread while others come and go, and ends it only if memory is needed', async () => {
    const pool = createMemoryPool({ budgetBytes: 100, mostThreads: 1 });
    const [held, other] = [joinModel(pool, { wishes: 50, keeps: 40 }), joinModel(pool, { wishes: 50, keeps: 10 })];
    await held.begin();
    const release = held.place.hold();
    held.end();
    expect(await other.begin()).toBe(60);
    other.end();
    expect(held.state.rests).toBe(0);
    expect(await other.begin(80)).toBeGreaterThanOrEqual(80);
    expect(held.state.rests).toBe(1);
    release();
  });

  it('computes with another model even if a held thread keeps all the memory', async () => {
    const pool = createMemoryPool({ budgetBytes: 100 });
    const [held, other] = [joinModel(pool, { wishes: 100, keeps: 110 }), joinModel(pool, { wishes: 10, keeps: 0 })];
    await held.begin();
    held.place.hold();
    held.end();
    expect(await other.begin()).toBe(100);
  });

  it('ends a retired thread as soon as its last user is done', async () => {
    const pool = createMemoryPool({ budgetBytes: 100 });
    const model = joinModel(pool, { wishes: 50, keeps: 40 });
    await model.begin();
    const release = model.place.hold();
    model.place.retire();
    model.end();
    expect(model.state.rests).toBe(0);
    release();
    expect(model.state.rests).toBe(1);
  });

  it('ends a thread after the configured time without calls', async () => {
    vi.useFakeTimers();
    try {
      const pool = createMemoryPool({ budgetBytes: 100, idleMs: 1000 });
      const model = joinModel(pool, { wishes: 50, keeps: 40 });
      await model.begin();
      model.end();
      await vi.advanceTimersByTimeAsync(999);
      await model.begin();
      await vi.advanceTimersByTimeAsync(5000);
      expect(model.state.rests).toBe(0);
      model.end();
      await vi.advanceTimersByTimeAsync(1000);
      expect(model.state.rests).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it('refuses calls once it is closed, including those that wait', async () => {
    const pool = createMemoryPool({ budgetBytes: 100 });
    const [first, second] = Array.from({ length: 2 }, () => joinModel(pool, { wishes: 100, keeps: 0 }));
    await first?.begin();
    const waiting = second?.begin();
    await pool.close();
    await expect(waiting).rejects.toMatchObject({ reason: 'SERVER_STOPPING' });
    await expect(second?.begin()).rejects.toMatchObject({ reason: 'SERVER_STOPPING' });
  });
});
