import { EventEmitter, once } from 'node:events';
import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { PluginCall } from '../../src/core/ports/plugin-errors.js';
import { GetInfoResponse, PredictorServiceService, type FitRequest } from '../../src/gen/prunecast/plugin/v1/plugin.js';
import { allotSlots, createCallSlots } from '../../src/remote-plugins/call-slots.js';
import { askInfo } from '../../src/remote-plugins/info.js';
import { openChannel } from '../../src/remote-plugins/channel.js';
import { openRemoteProcess, type RemoteProcess } from '../../src/remote-plugins/remote-process.js';
import { startRemotePlugin, type AttachablePlugin } from '../support/remote-plugin.js';
import { makeFolder } from '../support/test-server.js';
import { socketIn } from '../support/remote-plugin.js';

/** A place of a thread that was ended is free again after this; what gives places back must be faster. */
const LEASE_MS = 3000;

const soon = () => ({ signal: AbortSignal.timeout(LEASE_MS / 2) });

describe('createCallSlots', () => {
  it.each([1, 3])('never gives more than %d places, and all of them where there is a run on them', async (places) => {
    const memory = allotSlots(places);
    const threads = [createCallSlots(memory), createCallSlots(memory)];
    let [held, most] = [0, 0];
    const calls = Array.from({ length: 30 }, async (_, index) => {
      const release = await (threads[index % 2] as (typeof threads)[0]).take();
      held += 1;
      most = Math.max(most, held);
      await pause(5);
      held -= 1;
      release();
    });
    await Promise.all(calls);
    expect(most).toBe(places);
  });

  it('gives a place back only once: what released it twice would free that of the next', async () => {
    const slots = createCallSlots(allotSlots(1));
    const first = await slots.take();
    first();
    const second = await slots.take();
    first();
    await expect(slots.take(AbortSignal.timeout(50))).rejects.toThrow(/timeout/);
    second();
  });

  it('lets go of one who waits when he is cancelled, with the reason, and the place goes to the next', async () => {
    const slots = createCallSlots(allotSlots(1));
    const release = await slots.take();
    const cancelled = new AbortController();
    const waiting = slots.take(cancelled.signal);
    const next = slots.take();
    cancelled.abort(new Error('no more'));
    await expect(waiting).rejects.toThrow('no more');
    release();
    (await next)();
    await expect(slots.take(AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  });

  it('keeps a place as long as the time that a thread wrote there, which ends if the thread has ended', async () => {
    const memory = new SharedArrayBuffer(8);
    new BigInt64Array(memory)[0] = BigInt(Date.now() + 300);
    const begun = Date.now();
    (await createCallSlots(memory).take(AbortSignal.timeout(5000)))();
    expect(Date.now() - begun).toBeGreaterThanOrEqual(295);
  });
});

describe('a process that takes one call at once', () => {
  let folder: string;
  let plugin: AttachablePlugin;
  let open: () => RemoteProcess;
  const opened: RemoteProcess[] = [];
  beforeAll(async () => {
    folder = await makeFolder();
    plugin = await startRemotePlugin(socketIn(folder), { faults: { concurrent: 1, hang: 'Fit' } });
    const channel = openChannel({ address: plugin.address, authorities: undefined });
    const info = await askInfo(channel, { limitMs: 20_000, waits: true });
    channel.close();
    open = () => {
      const process = openRemoteProcess({
        address: plugin.address,
        specifier: plugin.address,
        authorities: undefined,
        info: GetInfoResponse.encode(info).finish(),
        slots,
        limits: { callMs: 500, workMs: 500, startMs: 20_000, retries: 1 },
      });
      opened.push(process);
      return process;
    };
  });
  const slots = allotSlots(1);
  afterEach(() => opened.splice(0).forEach(({ channel }) => channel.close()));
  afterAll(async () => {
    await plugin.kill();
    await rm(folder, { recursive: true });
  });

  const CALL: PluginCall = { kind: 'predictor', id: 'nearest', method: 'fit' };

  it('gets no second one, whichever thread asks', async () => {
    const [one, other] = [open(), open()];
    let [running, most] = [0, 0];
    const work = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await pause(5);
      running -= 1;
    };
    await Promise.all(Array.from({ length: 20 }, (_, index) => (index % 2 ? one : other).run(CALL, work)));
    expect(most).toBe(1);
  });

  it('is free for the next call after an error', async () => {
    const remote = open();
    await expect(remote.run(CALL, () => Promise.reject(new Error('no luck')))).rejects.toThrow('no luck');
    expect(await remote.run(CALL, () => Promise.resolve('done'), soon())).toBe('done');
  });

  it('is free for the next call after a deadline', async () => {
    const remote = open();
    const none: FitRequest[] = [{ part: undefined }];
    const hang = () => remote.askOnce(CALL, PredictorServiceService.fit, none, { limitMs: 300 });
    await expect(remote.run(CALL, hang)).rejects.toMatchObject({
      reason: 'PLUGIN_FAILED',
      message: expect.stringContaining('it did not answer in time') as string,
    });
    expect(await remote.run(CALL, () => Promise.resolve('done'), soon())).toBe('done');
  });

  it('is not waited for by a call that is cancelled, whose work never begins', async () => {
    const remote = open();
    const calls = new EventEmitter();
    const started = once(calls, 'started');
    const ended = once(calls, 'ended');
    const first = remote.run(CALL, async () => {
      calls.emit('started');
      await ended;
      return 'first';
    });
    await started;
    const cancelled = new AbortController();
    let works = 0;
    const second = remote.run(CALL, async () => void (works += 1), { signal: cancelled.signal });
    await pause(20);
    cancelled.abort(new Error('cancelled'));
    await expect(second).rejects.toThrow('cancelled');
    calls.emit('ended');
    expect(await first).toBe('first');
    expect(await remote.run(CALL, () => Promise.resolve('third'), soon())).toBe('third');
    expect(works).toBe(0);
  });
});
