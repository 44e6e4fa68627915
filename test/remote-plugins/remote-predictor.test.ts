import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { PairTable } from '../../src/core/pairs.js';
import type { Predictor } from '../../src/core/ports/predictor.js';
import { GetInfoResponse } from '../../src/gen/prunecast/plugin/v1/plugin.js';
import { guardPredictor } from '../../src/plugin-host/guards/guard-predictor.js';
import { allotSlots } from '../../src/remote-plugins/call-slots.js';
import { openChannel } from '../../src/remote-plugins/channel.js';
import { askInfo } from '../../src/remote-plugins/info.js';
import { readManifest } from '../../src/remote-plugins/remote-manifest.js';
import { createRemotePredictor } from '../../src/remote-plugins/remote-predictor.js';
import { openRemoteProcess } from '../../src/remote-plugins/remote-process.js';
import { socketIn, startRemotePlugin, type Faults } from '../support/remote-plugin.js';
import { makeFolder } from '../support/test-server.js';

let folder: string;
beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => rm(folder, { recursive: true }));

const PAIRS: PairTable = {
  dimensions: ['layers.0.ffn_channels'],
  rates: Float32Array.of(0, 0.1, 0.2, 0.3),
  targets: Float64Array.of(1, 2, 3, 4),
};
const BATCH = { rates: Float32Array.of(0.1), columns: 1 };
const OPTIONS = { neighbours: 1 };

/** The predictor of such a process, as a worker has it; the process takes one call at a time. */
async function openPredictor(faults: Faults) {
  const file = join(folder, `${String(faults['hang'])}.txt`);
  const running = await startRemotePlugin(socketIn(folder, `${String(faults['hang'])}.sock`), {
    faults: { ...faults, startsFile: file },
  });
  const { address } = running;
  const channel = openChannel({ address, authorities: undefined });
  const info = await askInfo(channel, { limitMs: 30_000, waits: true });
  channel.close();
  const remote = openRemoteProcess({
    address,
    specifier: address,
    authorities: undefined,
    info: GetInfoResponse.encode(info).finish(),
    slots: allotSlots(1),
    limits: { callMs: 600_000, workMs: 600_000, startMs: 30_000, retries: 0 },
  });
  const [nearest] = info.plugins;
  if (nearest?.kind?.$case !== 'predictor') throw new Error('the process offers no predictor');
  const predictor = createRemotePredictor(readManifest(nearest, remote.target), nearest.kind.value, remote);
  return {
    predictor: guardPredictor(predictor, { limitMs: undefined }) as Predictor,
    until: (line: string) =>
      vi.waitFor(async () => expect(await readFile(file, 'utf8')).toContain(line), { timeout: 15_000, interval: 10 }),
    [Symbol.asyncDispose]: async () => {
      remote.channel.close();
      await running.kill();
    },
  };
}

describe('a predictor in a process of its own, in a call that hangs', () => {
  it.each(['Fit', 'Predict'])(
    'ends with the reason of its cancel, tells the process, and gives its place to the next call: %s',
    async (hang) => {
      await using opened = await openPredictor({ hang, hangs: 1 });
      const { predictor, until } = opened;
      const [cancel, cancelWaiting] = [new AbortController(), new AbortController()];
      const fit = (signal: AbortSignal) => predictor.fit(PAIRS, OPTIONS, 1, undefined, { signal });
      const fitted = hang === 'Fit' ? undefined : await fit(cancel.signal);
      const hung = fitted === undefined ? fit(cancel.signal) : fitted.predict(BATCH, { signal: cancel.signal });
      hung.catch(() => undefined);
      await until(`hangs in ${hang}`);
      const waiting = fit(cancelWaiting.signal);
      cancelWaiting.abort(new Error('left before its turn'));
      await expect(waiting).rejects.toThrow('left before its turn');
      const reason = new Error('cancelled by its caller');
      cancel.abort(reason);
      await expect(hung).rejects.toBe(reason);
      await until(`${hang} was cancelled`);
      const next = await fit(new AbortController().signal);
      expect([...(await next.predict(BATCH)).mean]).toEqual([2]);
    },
  );
});
