import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { LeaseOwner } from '../../core/ports/job-store.js';

/** This process as an owner of leases. Of owners on another machine it knows nothing. */
export function createLeaseOwner(): LeaseOwner {
  const place = `${hostname()}/${readBootId()}/${readProcessSpace()}`;
  const name = [place, process.pid, randomUUID()].join(' ');
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

/** Differs after each start of the machine, if the system tells (Linux does). */
function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

/**
 * The space that process ids are counted in: containers on one machine may have each their own, and the same boot id.
 */
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
