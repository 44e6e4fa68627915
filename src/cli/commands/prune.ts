import { InvalidArgumentError, type Command } from 'commander';
import type { PruneResult } from '../../client/index.js';
import { PruneRequest } from '../../gen/prunecast/v1/pruning.js';
import { budgetFlags } from '../../flags/budget.js';
import { hasBudget } from '../options/require-budget.js';
import { modelFlag, outputFlags, jobFlags } from '../../flags/paths.js';
import { recipeFlags } from '../../flags/recipe.js';
import { recoveryFlags } from '../../flags/recovery.js';
import { addRequestFlags, countGiven, type RequestType } from '../options/request-option.js';
import { addFlags, DRY_RUN } from '../options/flag-option.js';
import { addServerFlags } from '../options/server.js';
import { showFirst } from '../options/short-help.js';
import { spaceFlags } from '../../flags/space.js';
import { targetFlags } from '../../flags/target.js';
import { describeRecovery } from '../../words/describe-recovery.js';
import { formatBytes } from '../../words/format.js';
import { describeCosts, describeExports, describeNotes, findCheckpoint } from '../output/describe-exports.js';
import { printPlan } from '../output/print-plan.js';
import type { PrintFlags, Printer } from '../output/printer.js';
import { announceCost } from '../session/announce-cost.js';
import { awaitPlan } from '../session/await-plan.js';
import { callServer } from '../session/call-server.js';
import { nameOutput, TEXT_TO_NAME } from '../session/next-commands.js';
import { watchJob } from '../session/watch-job.js';

const PRUNE: RequestType<PruneRequest> = { typeName: 'prunecast.v1.PruneRequest', codec: PruneRequest };
const TARGET_FLAGS = targetFlags('');

/** `prunecast prune`: writes a pruned checkpoint. */
export function addPruneCommand(program: Command): void {
  const command = program
    .command('prune')
    .description('write a pruned checkpoint: by budget, by rates, by counts or by exact units');
  addRequestFlags(command, PRUNE, 'Model', [modelFlag()]);
  addRequestFlags(command, PRUNE, 'Budget', budgetFlags('budgets.budgets'));
  addRequestFlags(command, PRUNE, 'Exact shape, instead of a budget', TARGET_FLAGS);
  addRequestFlags(command, PRUNE, 'Recipe', recipeFlags('recipe'));
  addRequestFlags(command, PRUNE, 'Search space', spaceFlags('space'));
  addRequestFlags(command, PRUNE, 'Recovery', recoveryFlags());
  addRequestFlags(command, PRUNE, 'Output', outputFlags('the pruned model'));
  addRequestFlags(command, PRUNE, 'Job', jobFlags());
  addFlags(command, DRY_RUN);
  addServerFlags(command);
  showFirst(command, [
    '--model',
    '--remove',
    '--at-most',
    '--rate',
    '--calibration',
    '--output',
    '--overwrite',
    '--dry-run',
  ]).action(async (flags: PrintFlags & { readonly output?: unknown; readonly dryRun?: boolean }) => {
    if (countGiven(command, TARGET_FLAGS) + (hasBudget(command) ? 1 : 0) !== 1)
      throw new InvalidArgumentError(
        'say once what stays: --remove or --at-most, --rate, --rates, --architecture, --units, --manifest or --earlier-output.',
      );
    if (flags.output === undefined && flags.dryRun !== true)
      throw new InvalidArgumentError('--output is needed, or --dry-run.');
    await callServer(command, PRUNE, async (call) => {
      const { client, request, printer, paths, suggest } = call;
      if (flags.dryRun === true) {
        const [first] = request.exports;
        const plan = await awaitPlan((options) => client.planPrune(request, options), printer);
        printPlan(plan, printer, first && (first.name || first.exporter?.id));
        const output = paths.output === undefined ? ['--output', nameOutput(paths.model ?? '')] : [];
        return call.repeat('to do it', { without: ['--dry-run'], and: output });
      }
      await announceCost((options) => client.planPrune(request, options), printer, flags);
      const ended = await watchJob((options) => client.prune(request, options), call, { onInterrupt: 'cancel-job' });
      if (ended?.result?.$case !== 'prune') return;
      printResult(ended.result.value, paths.output ?? '', printer);
      const checkpoint = findCheckpoint(ended.result.value, paths.output ?? '');
      if (checkpoint === undefined)
        return suggest({ why: 'to check it against the model', words: ['verify', paths.output ?? ''] });
      // A running server may have its outputs where it reads no models.
      if (call.serverStays) return;
      suggest({
        why: `to measure it on a text of yours, here called ${TEXT_TO_NAME}`,
        words: ['evaluate', '--model', checkpoint, '--text', TEXT_TO_NAME],
      });
    });
  });
}

function printResult(result: PruneResult, folder: string, printer: Printer): void {
  printer.lines(
    `wrote ${folder}: ${result.files.length} files, ${formatBytes(result.bytes)}`,
    ...describeCosts(result),
    ...describeRecovery(result.recovery),
    ...(result.exports.length === 0
      ? [`loads in ${result.loadsIn.join(', ')}`]
      : describeExports(result.exports, folder)),
    ...describeNotes(result),
    ...result.snapped.map(
      ({ dimension, asked, used }) => `${dimension}: rate ${asked} lies between two counts, so ${used} was used`,
    ),
  );
}
