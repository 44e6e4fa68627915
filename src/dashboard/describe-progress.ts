import { formatCount, formatDuration, formatShare } from '../words/format.js';
import type { Job, JobProgress } from './messages.js';

/** How much of what a job does now is done, from 0 to 1; undefined if it is unknown. */
export function shareOf({ done = '0', total = '0' }: JobProgress): number | undefined {
  return Number(total) > 0 ? Math.min(1, Number(done) / Number(total)) : undefined;
}

/** What a job does now, its pace and the time that is left: `labelling pairs, 398,035 of 688,128 tokens, 40 of 179 items, 12 s left`. */
export function describeActivity(progress: JobProgress): string {
  const { activity = '', done = '0', total = '0', unit = '', rate = 0, remainingSeconds } = progress;
  const { itemsDone = '0', itemsTotal = '0' } = progress;
  const known = Number(total) > 0 ? `${formatCount(Number(done))} of ${formatCount(Number(total))} ${unit}` : '';
  return [
    activity,
    known,
    Number(itemsTotal) > 0 ? `${formatCount(Number(itemsDone))} of ${formatCount(Number(itemsTotal))} items` : '',
    rate > 0 ? `${formatCount(Number(rate.toPrecision(3)))} ${unit}/s` : '',
    remainingSeconds === undefined ? '' : `${formatDuration(remainingSeconds)} left`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** Where a job is among its phases: `phase 4 of 12: sample, round 1; 41.0 % of the work`. Empty if it has none. */
export function describePlace({ phase, phaseNumber = 0, phaseCount = 0, overall }: JobProgress): string {
  if (phase === undefined) return '';
  const { name, round = 0 } = phase;
  const place = `phase ${phaseNumber} of ${phaseCount}: ${name}${round > 0 ? `, round ${round}` : ''}`;
  return overall === undefined ? place : `${place}; ${formatShare(overall)} of the work`;
}

/** One line for a list: `41.0 %, labelling pairs`. */
export function summarizeProgress({ state, progress, queuePlace = 0, error }: Job): string {
  if (state === 'JOB_STATE_PAUSED') return error?.message ?? '';
  if (state === 'JOB_STATE_QUEUED') return queuePlace > 0 ? `place ${queuePlace} in the queue` : 'waits';
  if (progress === undefined || state !== 'JOB_STATE_RUNNING') return '';
  const share = progress.overall ?? shareOf(progress);
  return [share === undefined ? '' : formatShare(share), progress.activity ?? '']
    .filter((part) => part !== '')
    .join(', ');
}
