import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listenPrivately } from '../../src/state-folder/listen-privately.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'prunecast-listen-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.runIf(isMainThread && process.platform !== 'win32')('a socket of its user alone', () => {
  it('can be opened by nobody else from the moment it is bound, also where several are at the same time', async () => {
    const before = process.umask();
    const modes = await Promise.all(
      ['a', 'b', 'c'].map((name) => {
        const path = join(folder, name);
        const server = createServer();
        return listenPrivately(path, async () => {
          await once(server.listen(path), 'listening');
          const { mode } = statSync(path);
          server.close();
          return mode & 0o777;
        });
      }),
    );
    expect(modes).toEqual([0o600, 0o600, 0o600]);
    expect(process.umask()).toBe(before);
  });
});
