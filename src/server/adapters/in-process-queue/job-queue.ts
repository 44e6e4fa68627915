import { createFairLine } from '../../../core/fair-line.js';
import { requireRoom, type Wanted } from '../../../core/errors/require-room.js';
import type { JobQueue, Lane, QueuedJob, Turn } from '../../../core/ports/job-queue.js';

/** Jobs that wait, in number and bytes. Each is named as the setting that it comes from. */
export interface JobQueueLimits {
  /** Jobs that run at the same time in each lane; in the lane `model`, turns too. */
  readonly concurrentJobs: number;
  /** Jobs that may wait, and turns that may wait. */
  readonly maxQueuedJobs: number;
  /** The same of one kind. */
  readonly maxQueuedJobsPerKind: number;
  /** The same of one caller. */
  readonly maxQueuedJobsPerCaller: number;
  /** Of the requests of all jobs that wait. */
  readonly maxQueuedBytes: number;
}

type Limits = Omit<JobQueueLimits, 'concurrentJobs'>;

/** When a caller may try again if the queue is full; heavy jobs take minutes. */
const RETRY_AFTER_MS = 30_000;

const TURNS: Lane = 'model';

interface WaitingTurn extends Turn {
  readonly grant: () => void;
}

/** The queue of a server that runs all of its jobs itself. */
export function createJobQueue({ concurrentJobs, ...limits }: JobQueueLimits): JobQueue {
  /** Jobs and turns that have a slot. */
  const running = new Map<string, QueuedJob | { readonly lane: Lane }>();
  const lines = { model: createFairLine<QueuedJob>(), fit: createFairLine<QueuedJob>() };
  const turns = createFairLine<WaitingTurn>();
  const listWaiting = (): readonly QueuedJob[] => Object.values(lines).flatMap((line) => line.list());
  const countFree = (lane: Lane): number =>
    Math.max(0, concurrentJobs - [...running.values()].filter((other) => other.lane === lane).length);
  const grantTurns = (): void => {
    while (turns.size > 0 && countFree(TURNS) > 0) turns.take()?.grant();
  };

  return {
    admit: async (job) => {
      const line = lines[job.lane];
      if (countFree(job.lane) > 0 && line.size === 0) {
        running.set(job.jobId, job);
        return 0;
      }
      requireRoom(measureQueue(listWaiting(), job), limits, RETRY_AFTER_MS);
      return line.add(job);
    },
    append: async (job) => lines[job.lane].add(job),
    claim: async () =>
      (Object.keys(lines) as Lane[]).flatMap((lane) => {
        const claimed: string[] = [];
        while (countFree(lane) > 0) {
          const job = lines[lane].take();
          if (job === undefined) break;
          running.set(job.jobId, job);
          claimed.push(job.jobId);
        }
        return claimed;
      }),
    putBack: async (jobIds) => {
      for (const jobId of jobIds) {
        const job = running.get(jobId);
        if (job === undefined || !('jobId' in job)) continue;
        running.delete(jobId);
        lines[job.lane].putBack(job);
      }
      grantTurns();
    },
    waiting: async () => listWaiting(),
    remove: async (jobId) => {
      running.delete(jobId);
      for (const line of Object.values(lines))
        for (const job of line.list().filter((other) => other.jobId === jobId)) line.remove(job);
      grantTurns();
    },
    takeTurn: async (turn, signal) => {
      signal.throwIfAborted();
      if (countFree(TURNS) > 0) return void running.set(turn.turnId, { lane: TURNS });
      const own = turns.countOf(turn.caller);
      requireRoom(
        [
          {
            setting: 'maxQueuedJobs',
            amount: turns.size + 1,
            waiting: `${turns.size} calls wait for a slot`,
            subject: 'server',
          },
          {
            setting: 'maxQueuedJobsPerCaller',
            amount: own + 1,
            waiting: `${own} calls of ${turn.caller} wait for a slot`,
            subject: `caller:${turn.caller}`,
          },
        ],
        limits,
        RETRY_AFTER_MS,
      );
      await new Promise<void>((resolve, reject) => {
        const giveUp = (): void => {
          turns.remove(waiting);
          reject(signal.reason as Error);
        };
        const waiting: WaitingTurn = {
          ...turn,
          grant: () => {
            signal.removeEventListener('abort', giveUp);
            running.set(turn.turnId, { lane: TURNS });
            resolve();
          },
        };
        signal.addEventListener('abort', giveUp, { once: true });
        turns.add(waiting);
      });
    },
    endTurn: async (turnId) => {
      running.delete(turnId);
      grantTurns();
    },
  };
}

/** What a new job that has to wait would bring about. */
function measureQueue(waiting: readonly QueuedJob[], job: QueuedJob): Wanted<keyof Limits>[] {
  const ofKind = waiting.filter(({ kind }) => kind === job.kind).length;
  const ofCaller = waiting.filter(({ caller }) => caller === job.caller).length;
  const bytes = waiting.reduce((sum, other) => sum + other.bytes, 0);
  return [
    {
      setting: 'maxQueuedJobs',
      amount: waiting.length + 1,
      waiting: `${waiting.length} jobs wait`,
      subject: 'server',
    },
    {
      setting: 'maxQueuedJobsPerKind',
      amount: ofKind + 1,
      waiting: `${ofKind} jobs of kind ${job.kind} wait`,
      subject: `kind:${job.kind}`,
    },
    {
      setting: 'maxQueuedJobsPerCaller',
      amount: ofCaller + 1,
      waiting: `${ofCaller} jobs of ${job.caller} wait`,
      subject: `caller:${job.caller}`,
    },
    {
      setting: 'maxQueuedBytes',
      amount: bytes + job.bytes,
      waiting: `requests of ${bytes} bytes wait, and this one has ${job.bytes}`,
      subject: 'server',
    },
  ];
}
