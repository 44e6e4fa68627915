import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'watch-loading-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

it('ends a server that would be lost in a plug-in that loops at its top level, and names the plug-in', () => {
  writeFileSync(join(folder, 'loop.mjs'), 'for (;;);');
  const { signal, stderr } = spawnSync(
    process.execPath,
    [resolve(import.meta.dirname, '../../../dist/src/server/main.js')],
    {
      cwd: folder,
      encoding: 'utf8',
      timeout: 60_000,
      killSignal: 'SIGTERM',
      env: {
        PATH: process.env['PATH'],
        PRUNECAST_STATE_DIRECTORY: join(folder, 'state'),
        PRUNECAST_LISTEN: '127.0.0.1:0',
        PRUNECAST_PLUGINS: './loop.mjs',
        PRUNECAST_PLUGIN_START_MS: '1000',
      },
    },
  );
  expect(signal).toBe('SIGKILL');
  expect(stderr).toContain(
    'the plug-in "./loop.mjs" was not loaded within 1 s (the setting pluginStartMs): it computes without end at its top level',
  );
});
