import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobStore } from '../../core/ports/job-store.js';

const PREFIX = 'recovery-';

/** The folder of a job's training, within the scratch folder. */
export function nameTraining(jobId: string): string {
  return `${PREFIX}${jobId}`;
}

/** Removes what a job's training has written, if there is any. */
export function removeTraining(scratchDirectory: string, jobId: string): Promise<void> {
  // The thread of a cancelled call may still write, for as long as a product takes.
  return rm(join(scratchDirectory, nameTraining(jobId)), {
    recursive: true,
    force: true,
    maxRetries: 10,
    retryDelay: 50,
  });
}

/**
 * Removes the trainings of jobs that have ended or are unknown, which nothing goes on with: their server was killed
 * before it could.
 */
export async function sweepTrainings(scratchDirectory: string, jobs: Pick<JobStore, 'unfinished'>): Promise<void> {
  const found = (await readdir(scratchDirectory).catch(() => [])).filter((name) => name.startsWith(PREFIX));
  if (found.length === 0) return;
  const kept = new Set((await jobs.unfinished()).map(({ id }) => nameTraining(id)));
  for (const name of found.filter((candidate) => !kept.has(candidate)))
    await rm(join(scratchDirectory, name), { recursive: true, force: true });
}
