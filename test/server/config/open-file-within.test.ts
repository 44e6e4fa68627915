import { execFileSync } from 'node:child_process';
import { mkdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFileWithin, readOpened } from '../../../src/server/config/open-file-within.js';
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
