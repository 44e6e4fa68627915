import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, resolve } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { createClient, startLocalServer } from '../../src/client/index.js';
import { makeSocket } from './fake-server.js';

const entry = resolve(import.meta.dirname, '../../dist/src/client/index.js');

function settings(address: string): Record<string, string> {
  return {
    PRUNECAST_LISTEN: address,
    PRUNECAST_STATE_DIRECTORY: resolve(dirname(address.replace('unix:', '')), 'state'),
  };
}

describe('startLocalServer', () => {
  it('serves until it is stopped, and tells when it ended', async () => {
    const { address, remove } = makeSocket();
    const server = await startLocalServer({ environment: settings(address) });
    const client = createClient({ address: server.address });
    expect((await client.services.catalog.getServerInfo({})).apiVersion).toBe('prunecast.v1');
    expect(server.ended.aborted).toBe(false);
    await server.stop();
    expect(server.ended.aborted).toBe(true);
    await expect(client.services.catalog.getServerInfo({})).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    client.close();
    remove();
  });

  it('says what kept the server from starting', async () => {
    await expect(startLocalServer({ environment: { PRUNECAST_LISTEN: 'nowhere' } })).rejects.toThrow(
      /^the server did not start: the configuration is not valid:\n.*PRUNECAST_LISTEN/,
    );
  });

  it('leaves no server behind when this process is killed', async () => {
    const { address, remove } = makeSocket();
    const script = `import { startLocalServer } from ${JSON.stringify(entry)}; const { address } = await startLocalServer({ environment: ${JSON.stringify(settings(address))} }); console.log(address);`;
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(parent.stdout, 'data');
    const client = createClient({ address });
    await client.services.catalog.getServerInfo({});
    parent.kill('SIGKILL');
    await vi.waitFor(
      () => expect(client.services.catalog.getServerInfo({})).rejects.toMatchObject({ code: 'UNAVAILABLE' }),
      { timeout: 20_000, interval: 100 },
    );
    client.close();
    remove();
  });
});
