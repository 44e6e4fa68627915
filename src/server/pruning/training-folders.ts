import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobStore } from '../../core/ports/job-store.js';

const PREFIX = 'recovery-';

/** The folder of a job's training, within the scratch folder. */
export function nameTraining(jobId: string): string {
  return `${PREFIX}${jobId}`;
}

/**
 * Removes the trainings of jobs that have ended or are unknown, which nothing goes on with: their server was killed, or
 * they were cancelled while they waited.
 */
export async function sweepTrainings(scratchDirectory: string, jobs: Pick<JobStore, 'unfinished'>): Promise<void> {
  const found = (await readdir(scratchDirectory).catch(() => [])).filter((name) => name.startsWith(PREFIX));
  if (found.length === 0) return;
  const kept = new Set((await jobs.unfinished()).map(({ id }) => nameTraining(id)));
  for (const name of found.filter((candidate) => !kept.has(candidate)))
    await rm(join(scratchDirectory, name), { recursive: true, force: true });
}
