import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { createId } from '../store/create-id.js';

/** Who holds leases: one server process, told apart from all others, earlier ones with the same process id included. */
export interface LeaseOwner {
  readonly name: string;
  /** Whether another owner is known to be gone: a process of this machine that is no more. Of another machine's nothing is known. */
  isGone(other: string): boolean;
}

/** This process as an owner of leases. */
export function createLeaseOwner(): LeaseOwner {
  const place = `${hostname()}/${readBootId()}/${readProcessSpace()}`;
  const name = [place, process.pid, createId('server')].join(' ');
  return {
    name,
    isGone: (other) => {
      const [otherPlace, pid] = other.split(' ');
      if (other === name || otherPlace !== place) return false;
      // Another owner with this process's own id was an earlier process, or an earlier server of this one.
      return Number(pid) === process.pid || !isAlive(Number(pid));
    },
  };
}

/** Differs after each start of the machine, where the system tells (Linux does). */
function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

/** The space that process ids are counted in: containers on one machine may have each their own, and the same boot id. */
function readProcessSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
