import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { launchPlugin } from '../../../../src/server/plugins/remote/launched-plugin.js';
import { launchSpecifier } from '../../../support/remote-plugin.js';
import { makeFolder } from '../../../support/test-server.js';

let folder: string;
beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => rm(folder, { recursive: true }));

const PACE = { checkMs: 100, silentMs: 500, firstPauseMs: 10, mostPauseMs: 100 };

describe('launchPlugin', () => {
  it.each([
    ['NOT_SERVING', 'its health is not SERVING'],
    ['silent', 'it answered no health check for 0.5 s'],
  ])('starts a process anew whose health is %s', { timeout: 60_000 }, async (health, how) => {
    const startsFile = join(folder, health);
    const warned: string[] = [];
    const plugin = await launchPlugin({
      command: launchSpecifier({ health, startsFile }).replace(/^exec:/, ''),
      folder,
      startMs: 30_000,
      log: pino({ level: 'warn' }, { write: (line) => warned.push((JSON.parse(line) as { how: string }).how) }),
      pace: PACE,
    });
    try {
      await vi.waitFor(async () => expect((await listStarts(startsFile)).length).toBeGreaterThan(1), {
        timeout: 50_000,
        interval: 100,
      });
    } finally {
      await plugin.close();
    }
    expect(warned[0]).toBe(how);
    const starts = await listStarts(startsFile);
    expect(new Set(starts).size).toBe(starts.length);
    for (const id of starts) expect(() => process.kill(id, 0)).toThrow(/ESRCH/); // all have ended
  });
});

async function listStarts(file: string): Promise<number[]> {
  return ((await readFile(file, 'utf8')).match(/^\d+$/gm) ?? []).map(Number);
}
