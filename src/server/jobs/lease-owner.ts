import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { LeaseOwner } from '../../core/ports/job-store.js';
import { isRunning, readStart } from './process-life.js';

/** This process as an owner of leases. Of owners on another machine it knows nothing. */
export function createLeaseOwner(): LeaseOwner {
  const place = `${hostname()}/${readBootId()}/${readProcessSpace()}`;
  const name = [place, process.pid, randomUUID(), readStart(process.pid) ?? ''].join(' ');
  return {
    name,
    isGone: (other) => {
      const [otherPlace, pid, , start = ''] = other.split(' ');
      if (other === name || otherPlace !== place) return false;
      // Another owner with this process's own id was an earlier process, or an earlier server of this one.
      if (Number(pid) === process.pid || !isRunning(Number(pid))) return true;
      return start !== '' && (readStart(Number(pid)) ?? start) !== start;
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
