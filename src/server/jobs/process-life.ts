import { readFileSync } from 'node:fs';

/** Whether a process runs: one that has ended and whose parent has not yet asked for its exit code does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  const stat = readStat(pid);
  return stat === undefined || !(ENDED.has(stat.state) && stat.threads <= 1);
}

/**
 * When a process started, in the system's own count, which goes on as long as the machine runs. With it a process that
 * has got the id of an earlier one is told from that one. `undefined` where the system does not tell (Linux does).
 */
export function readStart(pid: number): string | undefined {
  return readStat(pid)?.start;
}

/** Zombie and dead. */
const ENDED: ReadonlySet<string> = new Set(['Z', 'X', 'x']);

interface Stat {
  readonly state: string;
  /** The first thread may have ended before the others, which are the process then. */
  readonly threads: number;
  readonly start: string;
}

/** Fields 3, 20 and 22 of `man 5 proc_pid_stat`; the second one is a name, which may have any character. */
function readStat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state, threads, start] = [fields[0], fields[17], fields[19]];
    return state === undefined || start === undefined ? undefined : { state, threads: Number(threads), start };
  } catch {
    return undefined; // no such file: another system, or a process that this user may not see
  }
}
