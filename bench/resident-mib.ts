import { readFile } from 'node:fs/promises';

/** The resident memory of a process, in MiB. Needs Linux. */
export async function residentMib(processId: number): Promise<number> {
  const status = await readFile(`/proc/${processId}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? NaN) / 1024;
}
