import { readFileSync } from 'node:fs';

/** Whether the CPU has 8-bit products that do not saturate; not known, and so not, outside Linux. */
export const hasVnni = /\b(avx512_vnni|avx_vnni)\b/.test(readCpu());

function readCpu(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return '';
  }
}
