import { readdirSync, readFileSync } from 'node:fs';

/** Processes that a process has started, on Linux. */
export function listChildren(parent: number): number[] {
  return readdirSync(`/proc/${parent}/task`).flatMap((thread) =>
    readFileSync(`/proc/${parent}/task/${thread}/children`, 'utf8')
      .split(' ')
      .filter((child) => child !== '')
      .map(Number),
  );
}
