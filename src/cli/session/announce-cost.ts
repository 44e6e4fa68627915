import { CallError } from '../../client/index.js';
import { describeCost } from '../output/describe-cost.js';
import type { PrintFlags, Printer } from '../output/printer.js';
import { awaitPlan, type AskForPlan } from './await-plan.js';

/** A job that is shorter is not worth an announcement. */
const LEAST_SECONDS = 2;

/**
 * Says what a job takes before it begins: nothing with `--json` or `--quiet`, nor of one that takes less than two
 * seconds, nor if the plan is refused: the job is refused for the same reason, unless it exists already.
 */
export async function announceCost(
  plan: AskForPlan,
  printer: Pick<Printer, 'note' | 'waiting'>,
  { json, quiet }: PrintFlags,
): Promise<void> {
  if (json === true || quiet === true) return;
  const planned = await awaitPlan(plan, printer).catch((error: unknown) => {
    if (error instanceof CallError) return undefined;
    throw error;
  });
  if (planned === undefined || (planned.estimatedSeconds ?? LEAST_SECONDS) < LEAST_SECONDS) return;
  for (const line of describeCost(planned)) printer.note(line);
}
