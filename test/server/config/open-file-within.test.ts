import { execFileSync } from 'node:child_process';
import { mkdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import { openFileWithin, readOpened } from '../../../src/server/config/open-file-within.js';
import { swapWithLink } from '../../support/swap-with-link.js';
import { makeFolder } from '../../support/test-server.js';

let folder = '';
let socket: Server;
beforeAll(async () => {
  folder = await realpath(await makeFolder());
  await mkdir(join(folder, 'folder'));
  await writeFile(join(folder, 'file'), 'Once upon a time');
  await symlink(join(folder, 'file'), join(folder, 'link'));
  await symlink('/dev/zero', join(folder, 'device'));
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  socket = createServer().listen(join(folder, 'socket'));
});
afterAll(async () => {
  socket.close();
  await rm(folder, { recursive: true, force: true });
});

const open = (path: string, maxBytes = 16) =>
  openFileWithin([folder], path, { field: 'text.path', missing: 'TEXT_NOT_FOUND', links: 'anywhere', maxBytes });

describe('openFileWithin', () => {
  it.each(['file', 'link'])('opens a file of just the allowed size (%s)', async (path) => {
    const opened = await open(path);
    expect(Buffer.from(await readOpened(opened, 'text.path')).toString()).toBe('Once upon a time');
    await opened.handle.close();
    await expect(open(path, 15)).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'text.path', description: expect.stringContaining('15') as string }],
    });
  });

  it.each([
    ['folder', 'a folder'],
    ['pipe', 'a named pipe'],
    ['device', 'a device'],
    ['socket', 'a socket'],
  ])('names a %s for what it is, and waits for nothing', async (path, kind) => {
    await expect(open(path)).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'text.path', description: expect.stringContaining(kind) as string }],
    });
  });
});

describe.runIf(process.platform === 'linux')('a folder that becomes a link while files in it are opened', () => {
  it('never leads to a file outside of the roots', { timeout: 60_000 }, async () => {
    const { root, name, stop } = await swapWithLink(folder, 'file');
    try {
      const seen = { inside: 0, outside: 0, refused: 0 };
      for (let turn = 0; turn < 2000 || seen.inside === 0 || seen.refused === 0; turn += 1) {
        const opened = await openFileWithin([root], `${name}/file`, {
          field: 'text.path',
          missing: 'TEXT_NOT_FOUND',
          maxBytes: 16,
        }).catch((error: unknown) => {
          if (!(error instanceof PrunecastError)) throw error;
          seen.refused += 1;
        });
        if (opened === undefined) continue;
        seen[Buffer.from(await readOpened(opened, 'text.path')).toString() as 'inside' | 'outside'] += 1;
        await opened.handle.close();
      }
      expect(seen.outside).toBe(0);
    } finally {
      await stop();
    }
  });
});
