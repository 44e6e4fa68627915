import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findMemory, findMemoryBudget, findThreads } from '../../../src/engine/runtime/resource-limits.js';

const GIB = 2 ** 30;
const NO_LIMIT = '9223372036854771712'; // what version 1 writes where nothing is set

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'prunecast-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Writes files below the root of the system that is looked at. */
async function lay(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), `${text}\n`);
  }
}

const threads = () => findThreads({ root, processors: 8 });
const memory = () => findMemory({ root, memoryBytes: 16 * GIB });

describe('the limits of version 2', () => {
  it('are those of the mounted root in a container, where the group of the process is /', async () => {
    await lay({
      'proc/self/cgroup': '0::/',
      'sys/fs/cgroup/cpu.max': '250000 100000',
      'sys/fs/cgroup/memory.max': String(2 * GIB),
    });
    expect(threads()).toEqual({ value: 3, from: 'cgroup cpu.max 2.5' });
    expect(memory()).toEqual({ value: 2 * GIB, from: 'cgroup memory.max 2 GiB' });
    expect(findMemoryBudget({ root, memoryBytes: 16 * GIB })).toEqual({
      value: Math.floor(1.4 * GIB),
      from: '70 % of cgroup memory.max 2 GiB',
    });
  });

  it('are the smallest of the group and all above it, as a nested group may say max', async () => {
    await lay({
      'proc/self/cgroup': '0::/a.slice/b.service/own',
      'sys/fs/cgroup/a.slice/cpu.max': '400000 100000',
      'sys/fs/cgroup/a.slice/b.service/cpu.max': '150000 100000',
      'sys/fs/cgroup/a.slice/b.service/own/cpu.max': 'max 100000',
      'sys/fs/cgroup/a.slice/memory.max': String(3 * GIB),
      'sys/fs/cgroup/a.slice/b.service/memory.max': 'max',
      'sys/fs/cgroup/a.slice/b.service/own/memory.max': String(4 * GIB),
      'sys/fs/cgroup/other/cpu.max': '100000 100000', // not above it
    });
    expect(threads()).toEqual({ value: 2, from: 'cgroup cpu.max 1.5' });
    expect(memory()).toEqual({ value: 3 * GIB, from: 'cgroup memory.max 3 GiB' });
  });

  it('give at least one thread for a part of a processor', async () => {
    await lay({ 'proc/self/cgroup': '0::/', 'sys/fs/cgroup/cpu.max': '20000 100000' });
    expect(threads()).toEqual({ value: 1, from: 'cgroup cpu.max 0.2' });
  });

  it('count memory.high, above which memory is taken away again', async () => {
    await lay({
      'proc/self/cgroup': '0::/',
      'sys/fs/cgroup/memory.high': String(1.5 * GIB),
      'sys/fs/cgroup/memory.max': String(2 * GIB),
    });
    expect(memory()).toEqual({ value: 1.5 * GIB, from: 'cgroup memory.high 1.5 GiB' });
  });
});

describe('the limits of version 1', () => {
  it('are read for each controller, in its own tree', async () => {
    await lay({
      'proc/self/cgroup': '5:cpu,cpuacct:/docker/x\n4:memory:/docker/y\n0::/',
      'sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us': '120000',
      'sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us': '50000',
      'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1',
      'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000',
      'sys/fs/cgroup/memory/docker/y/memory.limit_in_bytes': String(5 * GIB),
      'sys/fs/cgroup/memory/memory.limit_in_bytes': NO_LIMIT,
    });
    expect(threads()).toEqual({ value: 3, from: 'cgroup cpu.cfs_quota_us 2.4' });
    expect(memory()).toEqual({ value: 5 * GIB, from: 'cgroup memory.limit_in_bytes 5 GiB' });
  });

  it('are those of the mounted root where the path is one of the host', async () => {
    await lay({
      'proc/self/cgroup': '4:memory:/kubepods/pod1/c\n0::/../../elsewhere',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': String(GIB),
    });
    expect(memory()).toEqual({ value: GIB, from: 'cgroup memory.limit_in_bytes 1 GiB' });
  });

  it('are none where the number stands for none', async () => {
    await lay({ 'sys/fs/cgroup/memory/memory.limit_in_bytes': NO_LIMIT });
    expect(memory()).toEqual({ value: 16 * GIB, from: '16 GiB of the machine' });
  });
});

describe('a process without limits', () => {
  it('has the machine', () => {
    expect(threads()).toEqual({ value: 8, from: '8 processors of the machine' });
    expect(memory()).toEqual({ value: 16 * GIB, from: '16 GiB of the machine' });
  });

  it('has the processors of its cpuset or affinity, if these are fewer than its share of time', async () => {
    await lay({
      'proc/self/status': 'Name:\tnode\nCpus_allowed:\t10f\nCpus_allowed_list:\t0-3,8\nMems_allowed_list:\t0',
      'proc/self/cgroup': '0::/',
      'sys/fs/cgroup/cpu.max': '600000 100000',
    });
    expect(threads()).toEqual({ value: 5, from: '5 processors that the process may run on' });
  });

  it('is not limited by files that say nothing', async () => {
    await lay({ 'proc/self/cgroup': 'nonsense', 'sys/fs/cgroup/cpu.max': '', 'sys/fs/cgroup/memory.max': 'lots' });
    expect(threads().value).toBe(8);
    expect(memory().value).toBe(16 * GIB);
  });
});
