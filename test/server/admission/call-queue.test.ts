import { describe, expect, it } from 'vitest';
import { createCallQueue } from '../../../src/server/admission/call-queue.js';
import { gate } from '../jobs/scripted-jobs.js';

const LIMITS = { concurrentCalls: 2, maxQueuedCalls: 3, maxQueuedCallsPerCaller: 2, maxQueuedBytes: 100 };

/** A queue, with calls that wait to be let go. */
function openQueue(limits: Partial<typeof LIMITS> = {}) {
  const queue = createCallQueue('predict', { ...LIMITS, ...limits });
  const begun: string[] = [];
  const call = (name: string, { caller = 'a', bytes = 1, signal = new AbortController().signal } = {}) => {
    const { open, opened } = gate();
    const ended = queue.run({ caller, signal, bytes: () => bytes }, async () => {
      begun.push(name);
      await opened;
      return name;
    });
    ended.catch(() => undefined);
    return { end: open, ended };
  };
  return { queue, begun, call };
}

describe('a queue of calls', () => {
  it('runs as many as may, and the next ones in turns of their callers', async () => {
    const { queue, begun, call } = openQueue();
    const [first, second] = [call('a1'), call('a2')];
    for (const name of ['a3', 'a4']) call(name);
    call('b1', { caller: 'b' });
    expect(begun).toEqual(['a1', 'a2']);
    expect(queue.waiting).toBe(3);
    first.end();
    expect(await first.ended).toBe('a1');
    second.end();
    await second.ended;
    await new Promise(setImmediate);
    expect(begun).toEqual(['a1', 'a2', 'a3', 'b1']);
  });

  it('refuses what exceeds a limit, and names the limit, whose it is and when to come back', async () => {
    const { call } = openQueue();
    for (const name of ['a1', 'a2', 'a3', 'a4']) call(name);
    await expect(call('a5').ended).rejects.toMatchObject({
      reason: 'OVERLOADED',
      retryAfterMs: 1000,
      quotas: [{ subject: 'caller:a', setting: 'maxQueuedCallsPerCaller', limit: 2 }],
    });
    await expect(call('b1', { caller: 'b', bytes: 99 }).ended).rejects.toMatchObject({
      quotas: [{ subject: 'kind:predict', setting: 'maxQueuedBytes', limit: 100 }],
    });
    call('b1', { caller: 'b', bytes: 98 });
    await expect(call('c1', { caller: 'c', bytes: 0 }).ended).rejects.toMatchObject({
      quotas: [{ subject: 'kind:predict', setting: 'maxQueuedCalls', limit: 3 }],
    });
  });

  it('gives up the place and the bytes of a caller who leaves, and the slot of work that fails', async () => {
    const { queue, begun, call } = openQueue({ concurrentCalls: 1 });
    const failing = queue.run({ caller: 'a', signal: new AbortController().signal, bytes: () => 1 }, async () => {
      await new Promise(setImmediate);
      throw new Error('failed');
    });
    const controller = new AbortController();
    const leaving = call('leaves', { bytes: 100, signal: controller.signal });
    controller.abort(new Error('the caller left'));
    await expect(leaving.ended).rejects.toThrow('the caller left');
    const next = call('next', { bytes: 100 });
    await expect(failing).rejects.toThrow('failed');
    next.end();
    expect(await next.ended).toBe('next');
    expect(begun).toEqual(['next']);
    expect(queue.waiting).toBe(0);
    await expect(call('late', { signal: controller.signal }).ended).rejects.toThrow('the caller left');
  });
});
