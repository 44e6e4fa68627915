import { rm } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { createClient } from '../../src/client/index.js';
import { startServerChild } from '../support/server-child.js';
import { makeFolder } from '../support/test-server.js';

it('a call that reads waits for a server that was killed and is started again', { timeout: 120_000 }, async () => {
  const folder = await makeFolder();
  const first = await startServerChild(folder);
  const client = createClient({ address: first.address, retry: { maxAttempts: 1_000, giveUpAfterMs: 100_000 } });
  const inspect = () => client.services.models.inspectModel({ model: 'stories260k' });
  try {
    const before = await inspect();
    await first.signal('SIGKILL');
    const waiting = Promise.all([inspect(), inspect()]);
    // One that starts a job for which nobody gave a request id is not made again: nobody knows what became of it.
    await expect(client.services.predictors.fitPredictor({})).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      reason: '',
    });
    const second = await startServerChild(folder);
    try {
      expect(await waiting).toEqual([before, before]);
    } finally {
      await second.stop();
    }
  } finally {
    client.close();
    await rm(folder, { recursive: true, force: true });
  }
});
