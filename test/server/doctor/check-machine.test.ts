import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Check } from '../../../src/server/doctor/check.js';
import { checkMachine, type Machine } from '../../../src/server/doctor/check-machine.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'prunecast-doctor-test-'));
  writeFileSync(join(folder, 'file'), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

async function check(changes: Partial<Machine['config']> = {}, int8 = { exact: true, speedup: 2 }) {
  const config = {
    threads: 1,
    memoryBudgetBytes: 2 ** 27,
    stateDirectory: join(folder, 'new/state'),
    outputRoot: folder,
    ...changes,
  };
  const checks: Check[] = [];
  for await (const found of checkMachine({ config, checkInt8: async () => int8 })) checks.push(found);
  return new Map(checks.map((found) => [found.name, found]));
}

describe('checkMachine', () => {
  it('finds a machine well that runs these tests, and leaves nothing behind', async () => {
    const found = await check();
    expect([...found.keys()]).toEqual([
      'prunecast',
      'node',
      'cpu',
      'onnxruntime',
      'int8',
      'threads',
      'memory',
      'libsql',
      'state',
      'database',
      'server',
      'output',
    ]);
    for (const name of ['node', 'onnxruntime', 'int8', 'libsql', 'state', 'output'])
      expect(found.get(name)).toMatchObject({ state: 'ok' });
    expect(found.get('onnxruntime')?.finding).toMatch(/^\d+\.\d+\.\d+: loads/);
    expect(found.get('libsql')?.finding).toMatch(/^\d+\.\d+\.\d+: makes/);
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it('fails a folder that cannot be written, with what to do, and still makes all other checks', async () => {
    const found = await check({ outputRoot: join(folder, 'file/below'), stateDirectory: '/proc/self/state' });
    expect(found.size).toBe(12);
    expect(found.get('output')).toMatchObject({
      state: 'fail',
      advice: expect.stringContaining('PRUNECAST_OUTPUT_ROOT') as string,
    });
    expect(found.get('state')).toMatchObject({
      state: 'fail',
      advice: expect.stringContaining('PRUNECAST_STATE_DIRECTORY') as string,
    });
  });

  it('warns of a budget beyond the memory that is there, and of a CPU without exact 8-bit products', async () => {
    const found = await check({ memoryBudgetBytes: 2 ** 50 }, { exact: false, speedup: 3 });
    expect(found.get('memory')).toMatchObject({ state: 'warn' });
    expect(found.get('int8')).toMatchObject({
      state: 'warn',
      finding: 'not offered: products are not exact on this CPU',
    });
  });
});
