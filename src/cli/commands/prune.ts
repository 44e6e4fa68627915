import { InvalidArgumentError, type Command } from 'commander';
import { BudgetKind, type DeepPartial, type PruneRequest, type PruneResult } from '../../client/index.js';
import { addBudgetFlags, readBudgets, type BudgetFlags } from '../flags/budget.js';
import { addPluginFlags, readPlugin } from '../flags/plugin.js';
import { addRecipeFlags, readRecipe, type RecipeFlags } from '../flags/recipe.js';
import { addServerFlags, type ServerFlags } from '../flags/server.js';
import { addSpaceFlags, readSpace, type SpaceFlags } from '../flags/space.js';
import { addTargetFlags, readTargets, type TargetFlags } from '../flags/target.js';
import { formatBytes, formatCount, formatEnum } from '../output/format.js';
import { printPlan } from '../output/print-plan.js';
import { createPrinter, type Printer } from '../output/printer.js';
import { useServer } from '../session/use-server.js';
import { watchJob } from '../session/watch-job.js';

type Flags = ServerFlags &
  BudgetFlags &
  TargetFlags &
  RecipeFlags &
  SpaceFlags & {
    readonly model: string;
    readonly output?: string;
    readonly overwrite?: boolean;
    readonly exporter?: string;
    readonly exporterOption?: readonly (readonly [string, unknown])[];
    readonly requestId?: string;
    readonly dryRun?: boolean;
  };

/** `prunecast prune`: writes a pruned checkpoint. */
export function addPruneCommand(program: Command): void {
  const command = program
    .command('prune')
    .description('write a pruned checkpoint: by budget, by rates, by counts or by exact units')
    .requiredOption('--model <DIR>', 'checkpoint folder')
    .option('--output <DIR>', 'folder to write')
    .option('--overwrite', 'replace an earlier output; anything else is left as it is');
  addPluginFlags(
    addSpaceFlags(addRecipeFlags(addTargetFlags(addBudgetFlags(command)))),
    'exporter',
    'writes the model (default: hf)',
  )
    .option('--request-id <ID>', 'attach to the job of an earlier call with this id')
    .option('--dry-run', 'show the plan and do nothing');
  addServerFlags(command).action(async (flags: Flags) => {
    const selection = readSelection(flags);
    if (flags.output === undefined && flags.dryRun !== true)
      throw new InvalidArgumentError('--output is needed, or --dry-run.');
    const printer = createPrinter(flags);
    await useServer(
      flags,
      { model: flags.model, texts: [flags.calibration], ...(flags.output !== undefined && { output: flags.output }) },
      async (session) => {
        const { client, places } = session;
        const recipe = readRecipe(flags, places.toText);
        const space = readSpace(flags);
        const exporter = readPlugin(flags.exporter, flags.exporterOption, 'hf');
        const request: DeepPartial<PruneRequest> = {
          requestId: flags.requestId ?? '',
          model: places.model,
          selection,
          output: places.output,
          overwrite: flags.overwrite === true,
          ...(recipe !== undefined && { recipe }),
          ...(space !== undefined && { space }),
          ...(exporter !== undefined && { exporter }),
        };
        if (flags.dryRun === true) return printPlan(await client.planPrune(request), printer);
        const result = (
          await watchJob((options) => client.prune(request, options), { session, printer, onInterrupt: 'cancel-job' })
        )?.result;
        if (result?.$case === 'prune') printResult(result.value, flags.output ?? '', printer);
      },
    );
  });
}

function readSelection(flags: Flags): NonNullable<PruneRequest['selection']> {
  const budgets = readBudgets(flags);
  const targets = readTargets(flags);
  const given = [
    ...(budgets.length > 0 ? [{ $case: 'budgets', value: { budgets } } as const] : []),
    ...targets.map(({ target }) => target),
  ];
  const [selection] = given;
  if (selection === undefined || given.length > 1)
    throw new InvalidArgumentError(
      'say once what stays: --remove or --at-most, --rate, --rates, --architecture, --units, --manifest or --earlier-output.',
    );
  // Partial messages inside; the client completes them.
  return selection as NonNullable<PruneRequest['selection']>;
}

function printResult(result: PruneResult, folder: string, printer: Printer): void {
  printer.lines(
    `wrote ${folder}: ${result.files.length} files, ${formatBytes(result.bytes)}`,
    ...result.costs.map(
      ({ kind, value, denseValue }) =>
        `${formatEnum(BudgetKind, kind)}: ${formatCount(value)} of ${formatCount(denseValue)}`,
    ),
    `loads in ${result.loadsIn.join(', ')}`,
    ...result.snapped.map(
      ({ dimension, asked, used }) => `${dimension}: rate ${asked} lies between two counts, ${used} was used`,
    ),
  );
}
