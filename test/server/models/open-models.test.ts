import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createOpenModels } from '../../../src/server/models/open-models.js';
import { makeFolder } from '../../support/test-server.js';

const IDLE_MS = 100;

let folder = '';
beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('a model that nobody uses is closed after a while, one in use is not, and the next use opens it again', async () => {
  let open = 0;
  const models = createOpenModels({
    modelRoots: [resolve('models')],
    modelLinks: 'within-roots',
    threads: 1,
    memoryBudgetBytes: 2 ** 28,
    openModels: 8,
    modelIdleMs: IDLE_MS,
    concurrentJobs: 1,
    stateDirectory: folder,
    latencies: { find: () => Promise.reject(new Error('no latencies here')) },
    checkInt8: () => Promise.reject(new Error('no int8 here')),
    counted: (count) => {
      open = count;
    },
  });
  const { language } = await models.open('stories260k');
  const release = language.hold();
  await pause(3 * IDLE_MS);
  expect(open).toBe(1);
  release();
  await vi.waitFor(() => expect(open).toBe(0), { timeout: 10_000, interval: 10 });
  const again = await models.open('stories260k');
  expect(open).toBe(1);
  expect(again.language).not.toBe(language);
  expect(again.language.checkpoint.digest).toBe(language.checkpoint.digest);
  await models.close();
});
