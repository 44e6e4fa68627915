import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';

/**
 * Cores that the process may use: the control group's CPU limit, rounded up, or the machine's cores if there is no
 * limit.
 */
export function detectThreads(): number {
  const cores = availableParallelism();
  const [quota, period] = readNumbers('/sys/fs/cgroup/cpu.max') ?? [
    readNumbers('/sys/fs/cgroup/cpu/cpu.cfs_quota_us')?.[0],
    readNumbers('/sys/fs/cgroup/cpu/cpu.cfs_period_us')?.[0],
  ];
  const limit = quota !== undefined && period !== undefined && quota > 0 && period > 0 ? quota / period : cores;
  return Math.max(1, Math.min(cores, Math.ceil(limit)));
}

/** 70 % of the control group's memory limit, or of the machine's memory if that is smaller. */
export function detectMemoryBudgetBytes(): number {
  const constrained = process.constrainedMemory(); // 0 or 2^64 if there is no limit
  return Math.floor(0.7 * (constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()));
}

/**
 * The numbers of a file, with NaN for `max`; undefined if it does not exist or may not be read: then no limit is known.
 */
function readNumbers(path: string): number[] | undefined {
  try {
    return readFileSync(path, 'utf8').trim().split(/\s+/).map(Number);
  } catch {
    return undefined;
  }
}
