import type { CallOptions, Plan } from '../../client/index.js';
import { CommandFailure } from '../output/command-failure.js';
import type { Printer } from '../output/printer.js';

/** A call that asks the server for the plan of a job. */
export type AskForPlan = (options: CallOptions) => Promise<Plan>;

const ACTIVITY = 'planning: reading the texts and measuring the speed of the model';

/**
 * The plan of a job, with a line while it takes long. Ctrl-C gives it up.
 *
 * @throws CommandFailure after Ctrl-C; CallError if the plan is refused
 */
export async function awaitPlan(ask: AskForPlan, printer: Pick<Printer, 'waiting'>): Promise<Plan> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const endWaiting = printer.waiting(ACTIVITY);
  try {
    return await ask({ signal: stop.signal });
  } catch (error) {
    if (stop.signal.aborted) throw new CommandFailure('interrupted while planning: no job was started');
    throw error;
  } finally {
    endWaiting();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
