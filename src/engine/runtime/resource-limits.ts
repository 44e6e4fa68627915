import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';

/** A limit of this process, and what sets it: `cgroup cpu.max 1.5`. */
export interface ResourceLimit {
  readonly value: number;
  readonly from: string;
}

/** Where to look; the machine itself by default. */
export interface Machine {
  /** Holds `proc` and `sys`. */
  readonly root?: string;
  readonly processors?: number;
  readonly memoryBytes?: number;
}

/** The share of the memory that models may use. */
const BUDGET_SHARE = 0.7;

/** Processors that the process may use, a part of one counted as a whole. */
export function detectThreads(): number {
  return findThreads().value;
}

/** 70 % of the memory that the process may use. */
export function detectMemoryBudgetBytes(): number {
  return findMemoryBudget().value;
}

/**
 * The smallest of: the processors that the process may run on (its cpuset and affinity), and the CPU limits of its control
 * group and all above it, rounded up.
 */
export function findThreads({ root = '/', processors = availableParallelism() }: Machine = {}): ResourceLimit {
  const allowed = readAllowedProcessors(root);
  const own =
    allowed === undefined
      ? { value: processors, from: `${processors} processors of the machine` }
      : { value: allowed, from: `${allowed} processors that the process may run on` };
  const least = findLeast(listCpuLimits(root));
  if (least === undefined || Math.ceil(least.value) >= own.value) return own;
  return { value: Math.ceil(least.value), from: `${least.from} ${Number(least.value.toFixed(2))}` };
}

/** 70 % of `findMemory`. */
export function findMemoryBudget(machine: Machine = {}): ResourceLimit {
  const { value, from } = findMemory(machine);
  return { value: Math.floor(BUDGET_SHARE * value), from: `${100 * BUDGET_SHARE} % of ${from}` };
}

/**
 * The smallest of: the memory of the machine, and the limits of the process's control group and of all above it. Memory
 * above `memory.high` is taken away again, so that it is a limit as `memory.max` is.
 */
export function findMemory({ root = '/', memoryBytes = totalmem() }: Machine = {}): ResourceLimit {
  const least = findLeast(listMemoryLimits(root));
  if (least === undefined || least.value >= memoryBytes)
    return { value: memoryBytes, from: `${formatGib(memoryBytes)} of the machine` };
  return { value: least.value, from: `${least.from} ${formatGib(least.value)}` };
}

function listCpuLimits(root: string): ResourceLimit[] {
  const { unified, ofController } = listGroups(root, 'cpu');
  return [
    ...unified.map((group) => ({ limits: readNumbers(join(group, 'cpu.max')), from: 'cgroup cpu.max' })),
    ...ofController.map((group) => ({
      limits: ['quota', 'period'].flatMap((name) => readNumbers(join(group, `cpu.cfs_${name}_us`))),
      from: 'cgroup cpu.cfs_quota_us',
    })),
  ].flatMap(({ limits: [quota = NaN, period = NaN], from }) =>
    quota > 0 && period > 0 ? [{ value: quota / period, from }] : [],
  );
}

function listMemoryLimits(root: string): ResourceLimit[] {
  const { unified, ofController } = listGroups(root, 'memory');
  return [
    ...unified.flatMap((group) => ['memory.max', 'memory.high'].map((name) => ({ group, name }))),
    ...ofController.map((group) => ({ group, name: 'memory.limit_in_bytes' })),
  ].flatMap(({ group, name }) => {
    const [value = NaN] = readNumbers(join(group, name));
    return value > 0 ? [{ value, from: `cgroup ${name}` }] : [];
  });
}

/**
 * The folders of the process's control group and of those above it: in the one tree of version 2, and in that of a
 * controller of version 1. In a container the path may be one of the host, of which the mounted tree has the end alone:
 * what does not exist has no limit, and the mounted root is always among them.
 */
function listGroups(root: string, controller: string): { unified: string[]; ofController: string[] } {
  const lines = (readText(join(root, 'proc/self/cgroup')) ?? '').split('\n').map((line) => line.split(':'));
  const climb = (mount: string, find: (controllers: string) => boolean) => {
    const path =
      lines
        .find(([, controllers = '']) => find(controllers))
        ?.slice(2)
        .join(':') ?? '/';
    const names = path.split('/').filter((name) => name !== '' && name !== '..');
    return Array.from({ length: names.length + 1 }, (_, depth) => join(root, mount, ...names.slice(0, depth)));
  };
  return {
    unified: climb('sys/fs/cgroup', (controllers) => controllers === ''),
    ofController: climb(`sys/fs/cgroup/${controller}`, (controllers) => controllers.split(',').includes(controller)),
  };
}

function findLeast(limits: readonly ResourceLimit[]): ResourceLimit | undefined {
  return limits.toSorted((a, b) => a.value - b.value)[0];
}

/** How many processors a list such as `0-3,8` has; undefined where there is none, as on macOS. */
function readAllowedProcessors(root: string): number | undefined {
  const list = /^Cpus_allowed_list:\s*([\d,-]+)$/m.exec(readText(join(root, 'proc/self/status')) ?? '')?.[1];
  return list
    ?.split(',')
    .map((range) => range.split('-').map(Number))
    .reduce((sum, [first = 0, last = first]) => sum + last - first + 1, 0);
}

/** The numbers of a file, with NaN for `max`; none if it cannot be read: then no limit is known. */
function readNumbers(path: string): number[] {
  const text = readText(path)?.trim() ?? '';
  return text === '' ? [] : text.split(/\s+/).map(Number);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // another system, or not allowed
  }
}

function formatGib(bytes: number): string {
  return `${Number((bytes / 2 ** 30).toFixed(2))} GiB`;
}
