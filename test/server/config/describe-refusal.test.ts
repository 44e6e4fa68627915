import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { describeRefusal } from '../../../src/server/config/describe-refusal.js';
import { startTestServer } from '../../support/test-server.js';

const SETTING = { flag: '--listen', variable: 'PRUNECAST_LISTEN', example: '127.0.0.1:0' };

describe('a refused address', () => {
  it('that another program has is told with the setting that names another', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    await expect(startTestServer({ config: { listen: [address] } })).rejects.toThrow(
      new RegExp(`^cannot listen on ${address}: another program listens there: stop it.* --listen or PRUNECAST_LISTEN`),
    );
    other.close();
  });

  it('below 1024 is told to be for root', () => {
    const refused = new Error('bind EACCES 0.0.0.0:80');
    expect(describeRefusal('0.0.0.0:80', refused, SETTING)).toMatch(/ports below 1024 are for root.*PRUNECAST_LISTEN/);
  });

  it('keeps the words of the system where nothing better is known', () => {
    expect(describeRefusal('a:1', new Error('listen EODD: odd'), SETTING)).toContain(
      'cannot listen on a:1: listen EODD',
    );
  });
});
