import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  createClient,
  JobState,
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

const predict = (timeoutMs?: number) =>
  client.predict(
    { predictorId, encodings: { dimensions: 1, rates: Buffer.from(Float32Array.of(0.7).buffer) } },
    timeoutMs === undefined ? {} : { timeoutMs },
  );

/** Processes that the server has started and that have not ended. */
function countProcesses(): number {
  return listChildren(server.processId).length;
}

describe("a regressor of the user's own that never comes back", () => {
  it('costs its own call, whatever its deadline, and keeps no other waiting', async () => {
    await expect(predict(300)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const startedAt = performance.now();
    expect((await client.services.predictors.getPredictor({ predictorId })).predictor?.id).toBe(predictorId);
    expect(performance.now() - startedAt).toBeLessThan(1000);
    await vi.waitFor(() => expect(countProcesses()).toBe(0), { timeout: 2500, interval: 20 });
  });

  it('gives the turn of its job to the next one within two seconds of its cancel', async () => {
    const { jobs, predictors } = client.services;
    const { job } = await predictors.fitPredictor(fit(0.9));
    const next = client.runFitPredictor({ ...fit(0.9), predictor: { id: 'ridge' } });
    const jobId = job?.id ?? '';
    for await (const { payload } of client.followJob(jobId)) if (payload?.$case === 'progress') break; // the fit is under way
    const cancelledAt = performance.now();
    expect((await jobs.cancelJob({ jobId })).job?.state).toBe(JobState.CANCELLED);
    expect((await next).backend).toBe('ridge');
    expect(performance.now() - cancelledAt).toBeLessThan(4000); // two, and the fit of the next one
    await vi.waitFor(() => expect(countProcesses()).toBe(0), { timeout: 2000, interval: 20 });
  });

  it('does not keep the server from ending when it is asked to stop', async () => {
    const hung = predict().catch((error: unknown) => error);
    await expect(predict(300)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' }); // by then the first one runs
    const stoppedAt = performance.now();
    expect(await server.stop()).toBe(0);
    expect(performance.now() - stoppedAt).toBeLessThan(3000);
    expect(await hung).toMatchObject({ code: 'UNAVAILABLE' });
  });
});
