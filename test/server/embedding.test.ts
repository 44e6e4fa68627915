import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { makeFolder } from '../support/test-server.js';

it('a program that embeds the server sees its own store, clock, telemetry and authenticator used', async () => {
  const folder = await makeFolder();
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [
      join(import.meta.dirname, '../fixtures/embedding.mjs'),
      folder,
      resolve(import.meta.dirname, '../../models'),
    ]);
    const seen = JSON.parse(stdout) as Record<string, never>;
    const longAgo = Date.UTC(2001, 0, 1 + 2);
    // Real work: a label that the second call found in the store, and a study with a winner, which the next server knows.
    const { perplexities, stored } = seen as unknown as Record<'perplexities' | 'stored', number[]>;
    expect(perplexities[0]).toBeGreaterThan(1);
    expect(perplexities).toEqual([stored[0], stored[0]]);
    expect(seen).toMatchObject({ spent: [1024, 0], winner: true, again: { id: seen['studyId'] } });
    // The store took all of it, at the time of the program's clock; no other store was opened.
    expect(seen).toMatchObject({
      kinds: ['event', 'label', 'predictor', 'study', 'study-step'],
      times: [longAgo],
      created: [longAgo, longAgo, longAgo],
      state: ['scores'],
    });
    // Telemetry saw it, though it fails; the authenticator refused what it does not allow.
    expect(seen).toMatchObject({
      labels: { paid: stored.length },
      jobs: ['EVALUATE', 'EVALUATE', 'SEARCH'].flatMap((kind) => [`${kind} running`, `${kind} succeeded`]),
      calls: {
        'prunecast.v1.PruningService/Search OK': 1,
        'prunecast.v1.CatalogService/ListPlugins PERMISSION_DENIED': 1,
      },
      refused: 'PERMISSION_DENIED',
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
