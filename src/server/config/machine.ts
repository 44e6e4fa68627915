import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';

export interface Machine {
  /** At least 1. */
  readonly processors: number;
  readonly memoryBytes: number;
}

/** What this process may use: the machine's processors and memory, or less where a cgroup says so. */
export function measureMachine(): Machine {
  // Node says 2^64 or 0 where there is no limit.
  const constrained = process.constrainedMemory();
  const memoryBytes = constrained > 0 && constrained < totalmem() ? constrained : totalmem();
  return { processors: Math.max(1, Math.min(availableParallelism(), Math.ceil(readProcessorLimit() ?? Infinity))), memoryBytes };
}

/** CPU time per wall time that the cgroup (v2, then v1) gives; undefined for no limit. Node 20 does not know of it. */
function readProcessorLimit(): number | undefined {
  const [quota, period] = readNumbers('/sys/fs/cgroup/cpu.max') ?? [
    readNumbers('/sys/fs/cgroup/cpu/cpu.cfs_quota_us')?.[0],
    readNumbers('/sys/fs/cgroup/cpu/cpu.cfs_period_us')?.[0],
  ];
  return quota !== undefined && period !== undefined && quota > 0 && period > 0 ? quota / period : undefined;
}

/** The numbers of a file, `max` being NaN; undefined where there is no such file. */
function readNumbers(path: string): number[] | undefined {
  try {
    return readFileSync(path, 'utf8').trim().split(/\s+/).map(Number);
  } catch {
    return undefined;
  }
}
