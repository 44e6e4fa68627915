import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  createClient,
  JobState,
  type CallOptions,
  type DeepPartial,
  type FitPredictorRequest,
  type PrunecastClient,
} from '../../../src/client/index.js';
import { listChildren } from '../../support/children.js';
import { makeEndless } from '../../support/regressors.js';
import { startServerChild, type ServerChild } from '../../support/server-child.js';
import { makeFolder } from '../../support/test-server.js';

let folder = '';
let server: ServerChild;
let client: PrunecastClient;
let predictorId = '';
beforeAll(async () => {
  folder = await makeFolder();
  await mkdir(join(folder, 'data'));
  await writeFile(join(folder, 'data', 'endless.onnx'), makeEndless());
  server = await startServerChild(folder, {
    environment: { PRUNECAST_DATA_ROOTS: join(folder, 'data'), PRUNECAST_SHUTDOWN_GRACE_MS: '1000' },
  });
  client = createClient({ address: server.address });
  predictorId = (await client.runFitPredictor(fit(0.4))).id;
});
afterAll(async () => {
  client.close();
  await server.signal('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** A fit on pairs up to a rate. It asks the regressor about them. */
const fit = (most: number): DeepPartial<FitPredictorRequest> => ({
  predictor: { id: 'onnx', options: { path: 'endless.onnx', unit: 'log' } },
  source: {
    $case: 'pairs',
    value: {
      dimensions: ['a'],
      pairs: Array.from({ length: 40 }, (_, row) => ({
        rates: [(most * row) / 39],
        metrics: { perplexity: 10 + row },
      })),
    },
  },
});

const predict = (options: CallOptions = {}) =>
  client.predict(
    { predictorId, encodings: { dimensions: 1, rates: Buffer.from(Float32Array.of(0.7).buffer) } },
    options,
  );

/** Processes that the server has started and that have not ended. */
function countProcesses(): number {
  return listChildren(server.processId).length;
}

/** Two seconds are promised. The rest is for a busy machine: the regressor never ends by itself. */
const SOON_MS = 15_000;
const untilProcesses = (count: number) =>
  vi.waitFor(() => expect(countProcesses()).toBe(count), { timeout: SOON_MS, interval: 20 });

describe("a regressor of the user's own that never comes back", () => {
  it('costs its own call, whatever its deadline, and keeps no other waiting', async () => {
    await expect(predict({ timeoutMs: 300 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await untilProcesses(0);
    const cancel = new AbortController();
    const hung = predict({ signal: cancel.signal }).catch((error: unknown) => error);
    await untilProcesses(1);
    expect((await client.services.predictors.getPredictor({ predictorId })).predictor?.id).toBe(predictorId);
    expect(countProcesses()).toBe(1); // the other call was answered while this one hung
    cancel.abort();
    expect(await hung).toMatchObject({ code: 'CANCELLED' });
    await untilProcesses(0);
  });

  it('gives the turn of its job to the next one soon after its cancel', async () => {
    const { jobs, predictors } = client.services;
    const { job } = await predictors.fitPredictor(fit(0.9));
    const next = client.runFitPredictor({ ...fit(0.9), predictor: { id: 'ridge' } });
    const jobId = job?.id ?? '';
    for await (const { payload } of client.followJob(jobId)) if (payload?.$case === 'progress') break; // the fit is under way
    const cancelledAt = performance.now();
    expect((await jobs.cancelJob({ jobId })).job?.state).toBe(JobState.CANCELLED);
    expect((await next).backend).toBe('ridge');
    expect(performance.now() - cancelledAt).toBeLessThan(SOON_MS);
    await untilProcesses(0);
  });

  it('does not keep the server from ending when it is asked to stop', async () => {
    const hung = predict().catch((error: unknown) => error);
    await untilProcesses(1);
    expect(await server.stop()).toBe(0); // it would be 1 if the process had been cut off with the regressor in it
    expect(await hung).toMatchObject({ code: 'UNAVAILABLE' });
  });
});
