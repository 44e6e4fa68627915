import { execFileSync } from 'node:child_process';
import { mkdtemp, realpath, rm, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import { openWithin } from '../../../src/engine/files/open-within.js';
import { swapWithLink } from '../../support/swap-with-link.js';

let folder = '';
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'prunecast-open-')));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a file of a checkpoint', () => {
  it('that is a pipe, a socket, a device or a folder is refused at once', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    await symlink('/dev/zero', join(folder, 'device'));
    const socket = createServer().listen(join(folder, 'socket'));
    for (const file of ['pipe', 'device', 'socket', '.'])
      await expect(openWithin({ directory: folder }, file)).rejects.toMatchObject({
        reason: 'MODEL_MALFORMED',
        message: expect.stringContaining('is not a plain file') as string,
      });
    socket.close();
  });

  it.runIf(process.platform === 'linux')(
    'is never read from outside of the roots while its folder becomes a link',
    { timeout: 60_000 },
    async () => {
      const { root, name, stop } = await swapWithLink(folder, 'config.json');
      try {
        const seen = { inside: 0, outside: 0, refused: 0 };
        for (let turn = 0; turn < 2000 || seen.inside === 0 || seen.refused === 0; turn += 1) {
          const handle = await openWithin({ directory: join(root, name), roots: [root] }, 'config.json').catch(
            (error: unknown) => {
              if (!(error instanceof PrunecastError)) throw error;
              return undefined;
            },
          );
          if (handle === undefined) {
            seen.refused += 1;
            continue;
          }
          seen[(await handle.readFile('utf8')) as 'inside' | 'outside'] += 1;
          await handle.close();
        }
        expect(seen.outside).toBe(0);
      } finally {
        await stop();
      }
    },
  );
});
