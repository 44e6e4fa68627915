import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino, type Logger } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClient, LogLevel, type PrunecastClient } from '../../../src/client/index.js';
import { runCli } from '../../cli/run-cli.js';
import { makeFolder, startTestServer, type TestServer } from '../../support/test-server.js';

interface Line {
  readonly msg: string;
  readonly level: number;
  readonly [field: string]: unknown;
}

let folder: string;
let lines: Line[];
let log: Logger;
beforeEach(async () => {
  folder = await makeFolder();
  lines = [];
  log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line) as Line) });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function withServer(use: (client: PrunecastClient, server: TestServer) => Promise<void>): Promise<void> {
  await using server = await startTestServer({ log });
  const client = createClient({ address: server.address });
  lines.length = 0;
  try {
    await use(client, server);
  } finally {
    client.close();
  }
}

const sha256 = (token: string) => createHash('sha256').update(token).digest('hex');
const callLines = () => lines.filter(({ msg }) => msg === 'call').map(({ method }) => method);

describe('the log level of a server', () => {
  it('changes while it runs, in all loggers made before and after, and the log says who did it', async () => {
    const before = [
      log.child({ job_id: 'a' }),
      log.child({ plugin: 'b' }, { redact: ['secret'] }).child({ deep: true }),
    ];
    await withServer(async ({ services: { admin, catalog } }) => {
      await catalog.listPlugins({});
      expect(callLines()).toEqual([]);

      const changed = await admin.setLogLevel({ level: LogLevel.DEBUG });
      expect(changed.log).toEqual({ level: LogLevel.DEBUG, configuredLevel: LogLevel.INFO, fallBackTime: undefined });
      await catalog.listPlugins({});
      expect(callLines()).toContain('prunecast.v1.CatalogService/ListPlugins');
      for (const child of before) child.debug('of a child');
      expect(lines.filter(({ msg }) => msg === 'of a child')).toHaveLength(2);
      expect(lines.find(({ msg }) => msg === 'log level changed')).toMatchObject({
        level: 30,
        log_level: 'debug',
        before: 'info',
        caller: 'anonymous',
        peer: expect.any(String),
      });

      lines.length = 0;
      await admin.setLogLevel({ level: LogLevel.SILENT });
      for (const child of before) child.fatal('of a child');
      // What nobody would see otherwise: that nothing is logged any more.
      expect(lines.map(({ msg, log_level }) => [msg, log_level])).toEqual([['log level changed', 'silent']]);
      await admin.setLogLevel({});
      expect((await admin.getLogLevel({})).log).toMatchObject({ level: LogLevel.INFO });
    });
  });

  it('falls back by itself after the time that was asked for, unless it was changed again meanwhile', async () => {
    await withServer(async ({ services: { admin } }) => {
      const since = Date.now();
      const { log: long } = await admin.setLogLevel({ level: LogLevel.TRACE, seconds: 3600 });
      expect(Number(long?.fallBackTime?.seconds) * 1000 - since).toBeGreaterThan(3_590_000);
      await admin.setLogLevel({ level: LogLevel.DEBUG, seconds: 0.05 });
      await vi.waitFor(async () => expect((await admin.getLogLevel({})).log?.level).toBe(LogLevel.INFO));
      expect(lines.find(({ msg }) => msg.startsWith('log level fell back'))).toMatchObject({ log_level: 'info' });

      await admin.setLogLevel({ level: LogLevel.DEBUG, seconds: 0.05 });
      await admin.setLogLevel({ level: LogLevel.WARN });
      await new Promise((done) => setTimeout(done, 80));
      expect((await admin.getLogLevel({})).log).toMatchObject({ level: LogLevel.WARN, fallBackTime: undefined });
      await expect(admin.setLogLevel({ seconds: 604_801 })).rejects.toThrow(/seconds/);
    });
  });

  it('is for callers with the scope admin alone', async () => {
    const tokensFile = join(folder, 'tokens.json');
    const tokens = [
      { name: 'worker', scopes: ['run'], sha256: sha256('work') },
      { name: 'operator', scopes: ['admin'], sha256: sha256('rule') },
    ];
    await writeFile(tokensFile, JSON.stringify({ tokens }));
    await using server = await startTestServer({ log, config: { tokensFile } });
    const [worker, operator] = ['work', 'rule'].map((token) => createClient({ address: server.address, token }));
    try {
      for (const call of [worker?.services.admin.setLogLevel({}), worker?.services.admin.getLogLevel({})])
        await expect(call).rejects.toMatchObject({ code: 'PERMISSION_DENIED', reason: 'SCOPE_MISSING' });
      expect(log.level).toBe('info');
      await operator?.services.admin.setLogLevel({ level: LogLevel.ERROR });
      expect(log.level).toBe('error');
      expect(lines.at(-1)).toMatchObject({ log_level: 'error', caller: 'operator' });
    } finally {
      worker?.close();
      operator?.close();
    }
  });

  it('is shown and changed by prunecast log-level', async () => {
    await withServer(async (_client, { address }) => {
      const { stdout } = await runCli(['log-level', 'debug', '--for', '1h', '--address', address]);
      expect(stdout).toMatch(/^debug until \d{4}-\d\d-\d\dT[\d:]+Z, then info\n$/);
      expect(log.level).toBe('debug');
    });
  });
});
