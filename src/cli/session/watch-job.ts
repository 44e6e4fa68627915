import {
  CallError,
  JobState,
  JobView,
  StudyPhase,
  type FollowOptions,
  type JobEvent,
  type PrunecastClient,
} from '../../client/index.js';
import type { Printer } from '../output/printer.js';
import { LostServer } from './lost-server.js';
import type { Session } from './use-server.js';

interface WatchOptions {
  /** What Ctrl-C does: cancels the job, or only stops watching it. */
  readonly onInterrupt: 'cancel-job' | 'leave';
  readonly onEvent?: (event: JobEvent) => void;
}

/**
 * Shows a job's events up to the terminal one, which it returns. Ctrl-C cancels the job, a second one leaves at once.
 * If the server ends with the commands that use it, a job that waits for ResumeJob is left waiting, and the result is
 * undefined; a job that was only interrupted is resumed, and one that waits for room on a disk goes on by itself.
 *
 * @throws CallError of the job if it failed or was cancelled, LostServer if its server is gone
 */
export async function watchJob(
  open: (options: FollowOptions) => AsyncGenerator<JobEvent, void, undefined>,
  session: Session & { readonly printer: Printer },
  { onInterrupt, onEvent }: WatchOptions,
): Promise<Terminal | undefined> {
  const { printer } = session;
  const leave = new AbortController();
  let jobId = '';
  let ended: Terminal | undefined;
  let interrupts = 0;
  const connection = { isLost: false, isSilent: false };
  const interrupt = () => {
    interrupts += 1;
    if (interrupts > 1 || jobId === '' || connection.isLost || onInterrupt === 'leave') return leave.abort();
    printer.note(`cancelling job ${jobId}; press Ctrl-C again to leave at once`);
    cancelJob(session.client, jobId, printer);
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const signal =
    session.serverEnded === undefined ? leave.signal : AbortSignal.any([leave.signal, session.serverEnded]);
  try {
    const events = open({
      signal,
      reattach: REACHED,
      onOpening: (event) => printer.event(event, session.resumeCommand),
      onSilence: () => {
        if (!connection.isSilent)
          printer.note('the server has said nothing for a while: the machine may be busy; still waiting');
        connection.isSilent = true;
      },
      onLost: ({ error, delayMs }) => {
        if (error.code === 'RESOURCE_EXHAUSTED') return printer.note(describeBusy(error, delayMs));
        if (!connection.isLost) printer.note('lost the server; trying again, Ctrl-C ends that');
        connection.isLost = true;
      },
    });
    for await (const event of events) {
      if (connection.isLost) printer.note('the server is back');
      [connection.isLost, connection.isSilent] = [false, false];
      ({ jobId } = event);
      onEvent?.(event);
      printer.event(event, session.resumeCommand);
      const pause = event.payload?.$case === 'paused' ? event.payload.value : undefined;
      const needsResume = pause !== undefined && pause.error === undefined;
      if (needsResume && !session.serverStays && (await isPaused(session.client, jobId))) {
        if (pause.before !== StudyPhase.UNSPECIFIED) return undefined;
        await session.client.services.jobs.resumeJob({ jobId });
      }
      if (event.payload?.$case !== 'ended') continue;
      ended = event.payload.value;
      printer.endProgress();
    }
    if (ended !== undefined) return ended;
    throw new CallError('the job ended without a terminal event', { code: 'INTERNAL' });
  } catch (error) {
    if (jobId !== '' && isLost(error, session.serverEnded, leave.signal))
      throw new LostServer(session.describeLost(jobId), error);
    throw error;
  } finally {
    printer.endProgress();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

/** A server that takes no more work at present says when to ask again, and why. */
export function describeBusy({ message }: CallError, delayMs: number): string {
  return `${message}; trying again in ${Math.ceil(delayMs / 1000)} s`;
}

/** A server that has answered before restarts more likely than its address is wrong. */
const REACHED = { giveUpStartAfterMs: 300_000 };

type Terminal = Extract<NonNullable<JobEvent['payload']>, { $case: 'ended' }>['value'];

/** Whether a watch ended since its server has: that is known, or nobody has answered for long. */
function isLost(error: unknown, serverEnded: AbortSignal | undefined, left: AbortSignal): boolean {
  if (left.aborted) return false;
  return (
    serverEnded?.aborted === true || (error instanceof CallError && error.code === 'UNAVAILABLE' && error.reason === '')
  );
}

/** Whether the job waits now; an event may tell of a pause long over. */
async function isPaused(client: PrunecastClient, jobId: string): Promise<boolean> {
  return (await client.services.jobs.getJob({ jobId, view: JobView.BASIC })).job?.state === JobState.PAUSED;
}

function cancelJob(client: PrunecastClient, jobId: string, printer: Printer): void {
  client.services.jobs
    .cancelJob({ jobId })
    .catch((error: unknown) =>
      printer.note(`could not cancel: ${error instanceof Error ? error.message : String(error)}`),
    );
}
