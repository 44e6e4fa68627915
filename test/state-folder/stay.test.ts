import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { attend, type Visit } from '../../src/state-folder/attend.js';
import type { Greeting } from '../../src/state-folder/greeting.js';
import { findSockets } from '../../src/state-folder/socket-paths.js';
import { stay } from '../../src/state-folder/stay.js';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prunecast-stay-'));
  path = findSockets(folder).attendance;
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A server that greets until it ends, with all its connections, as a process does. */
async function greet(kind: Greeting['kind']) {
  const open = new Set<Socket>();
  const greeting = { version: '1', processId: 1, address: `unix:${findSockets(folder).calls}`, kind, plugins: [] };
  const server: Server = createServer((socket) => {
    open.add(socket.on('error', () => undefined));
    socket.write(`${JSON.stringify(greeting)}\n`);
  }).listen(path);
  await once(server, 'listening');
  return {
    open,
    end: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

async function visit(): Promise<Visit> {
  const found = await attend(path);
  if (found === undefined) throw new Error('nobody greets');
  return found;
}

describe('a stay with `serve`', () => {
  it('outlasts its restarts, and ends when none has come back within the grace', async () => {
    let server = await greet('serve');
    const { ended, leave } = stay(await visit(), path, { graceMs: 2_000, betweenMs: 5 });
    for (const restart of [1, 2]) {
      await server.end();
      server = await greet('serve');
      await expect.poll(() => [restart, server.open.size]).toEqual([restart, 1]);
    }
    expect(ended.aborted).toBe(false);
    await server.end();
    await once(ended, 'abort');
    await leave();
  });

  it('ends though the server of a command has taken the folder: there interrupted jobs only wait', async () => {
    const server = await greet('serve');
    const { ended, leave } = stay(await visit(), path, { graceMs: 50, betweenMs: 5 });
    await server.end();
    const other = await greet('of-a-command');
    await once(ended, 'abort');
    // What it attended for a look, it has left.
    await expect.poll(() => [...other.open].filter(({ destroyed }) => !destroyed).length).toBe(0);
    await leave();
    await other.end();
  });

  it('does not wait for the next one once it is left', async () => {
    const server = await greet('serve');
    const { ended, leave } = stay(await visit(), path, { graceMs: 60_000 });
    await server.end();
    await leave();
    expect(ended.aborted).toBe(false);
  });
});
