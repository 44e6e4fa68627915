import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServerChild, type ServerChild } from '../support/server-child.js';
import { runCli } from './run-cli.js';

let folder = '';
let server: ServerChild;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'prunecast-health-'));
  server = await startServerChild(folder);
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const health = (...args: readonly string[]) => runCli(['health', ...args]);

describe('prunecast health', () => {
  it('ends with 0 when the server at an address, or that of a state folder, is SERVING', async () => {
    const results = await Promise.all([
      health('--address', server.address),
      health('--state-dir', join(folder, 'state')),
      health('--address', server.address, '--service', 'prunecast.v1.PruningService'),
      health('--address', server.address, '--json'),
    ]);
    expect(results.map(({ code, stdout }) => [code, stdout.trim()])).toEqual([
      [0, 'SERVING'],
      [0, 'SERVING'],
      [0, 'SERVING'],
      [0, JSON.stringify({ address: server.address, status: 'SERVING' })],
    ]);
  });

  it('ends with 1 for a service that the server does not have, and names it', async () => {
    const { code, stderr } = await health('--address', server.address, '--service', 'prunecast.v1.Nothing');
    expect(code).toBe(1);
    expect(stderr).toContain('prunecast.v1.Nothing');
  });

  it('ends with 1 where nobody listens, and starts no server', async () => {
    const state = join(folder, 'empty');
    const [first, again] = [await health('--state-dir', state), await health('--state-dir', state)];
    for (const { code, stderr } of [first, again]) {
      expect(code).toBe(1);
      expect(stderr).toContain('no server answers at unix:');
    }
  });

  it('ends with 1 after --timeout-ms when whoever listens does not answer', async () => {
    const path = join(folder, 'mute.sock');
    const mute = createServer().listen(path);
    await once(mute, 'listening');
    const { code, stderr } = await health('--address', `unix:${path}`, '--timeout-ms', '300');
    mute.close();
    expect(code).toBe(1);
    expect(stderr).toContain('did not answer in 300 ms');
  });

  it('refuses a time that is none', async () => {
    const { code, stderr } = await health('--timeout-ms', 'soon');
    expect(code).toBe(2);
    expect(stderr).toContain('allowed are 1 to 3600000 milliseconds');
  });
});
