import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { fuzzServer } from '../../bench/fuzz/fuzz-server.js';

it('answers mutated requests and damaged checkpoints in time, with reasons and finite numbers, and stays small and idle', {
  timeout: 240_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'prunecast-fuzz-'));
  try {
    const report = await fuzzServer({
      folder,
      demo: resolve(import.meta.dirname, '../../models/stories260k'),
      requests: 250,
      checkpoints: 30,
      seed: 7,
    });
    if (report.faults > 0) throw new Error(report.text);
    expect(report.calls).toBeGreaterThan(250 + 2 * 30);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
