import { writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import { withTraining } from '../../../src/server/pruning/recover-pruned.js';
import { nameTraining } from '../../../src/server/pruning/training-folders.js';

let scratchDirectory: string;
beforeEach(async () => {
  scratchDirectory = await mkdtemp(join(tmpdir(), 'scratch-'));
});
afterEach(() => rm(scratchDirectory, { recursive: true, force: true }));

it('removes the files of a cancelled training, though its thread still writes for a moment', async () => {
  const folder = join(scratchDirectory, nameTraining('one'));
  const cancelled = new PrunecastError('CANCELLED', 'the job was cancelled');
  let files = 0;
  let writer: NodeJS.Timeout | undefined;
  const write = (): void => {
    try {
      for (let more = 0; more < 20; more++) writeFileSync(join(folder, `${files++}`), '');
      writer = setTimeout(write);
    } catch {
      // The folder is gone.
    }
  };
  const language = { scratchDirectory } as unknown as Parameters<typeof withTraining>[0];
  const run = withTraining(language, { jobId: 'one', signal: AbortSignal.abort(cancelled) }, async () => {
    await mkdir(folder);
    write();
    setTimeout(() => clearTimeout(writer), 300);
    throw cancelled;
  });
  await expect(run).rejects.toBe(cancelled);
  expect(await readdir(scratchDirectory)).toEqual([]);
});
