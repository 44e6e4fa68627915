import type { Command } from 'commander';
import {
  BudgetKind,
  type DeepPartial,
  type EvaluateRequest,
  type EvaluationResult,
  type Precision,
} from '../../client/index.js';
import { addWindowFlags, parsePrecision, readFidelity, readWindows, type WindowFlags } from '../flags/measurement.js';
import { addPluginFlags, readPlugin } from '../flags/plugin.js';
import { addRecipeFlags, readRecipe, type RecipeFlags } from '../flags/recipe.js';
import { addServerFlags, type ServerFlags } from '../flags/server.js';
import { addSpaceFlags, readSpace, type SpaceFlags } from '../flags/space.js';
import { addTargetFlags, readTargets, type TargetFlags } from '../flags/target.js';
import { parseCount } from '../flags/values.js';
import { formatCount, formatMetric } from '../output/format.js';
import { printPlan } from '../output/print-plan.js';
import { createPrinter, type Printer } from '../output/printer.js';
import { useServer } from '../session/use-server.js';
import { watchJob } from '../session/watch-job.js';

type Flags = ServerFlags &
  TargetFlags &
  RecipeFlags &
  SpaceFlags &
  WindowFlags & {
    readonly model: string;
    readonly text: string;
    readonly dense?: boolean;
    readonly tokens?: number;
    readonly precision?: Precision;
    readonly evaluator?: string;
    readonly evaluatorOption?: readonly (readonly [string, unknown])[];
    readonly requestId?: string;
    readonly dryRun?: boolean;
  };

/** `prunecast evaluate`: measures architectures of a model. */
export function addEvaluateCommand(program: Command): void {
  const command = program
    .command('evaluate')
    .description('measure a model, or architectures of it, on a text; each kind of target may be repeated')
    .requiredOption('--model <DIR>', 'checkpoint folder')
    .requiredOption('--text <FILE|@TEXT>', 'text to measure on')
    .option('--dense', 'measure the unpruned model too (it alone where no target is given)')
    .option(
      '--tokens <COUNT>',
      'whole windows spread over the text, up to so many tokens (default: all of it)',
      parseCount,
    )
    .option('--precision <PRECISION>', 'float32 or int8 (default: float32)', parsePrecision);
  addPluginFlags(
    addSpaceFlags(addRecipeFlags(addTargetFlags(addWindowFlags(command)))),
    'evaluator',
    'what is measured (default: perplexity)',
  )
    .option('--request-id <ID>', 'attach to the job of an earlier call with this id')
    .option('--dry-run', 'show the plan and do nothing');
  addServerFlags(command).action(async (flags: Flags) => {
    const given = readTargets(flags);
    const targets = flags.dense === true || given.length === 0 ? [DENSE, ...given] : given;
    const printer = createPrinter(flags);
    await useServer(flags, { model: flags.model, texts: [flags.text, flags.calibration] }, async (session) => {
      const { client, places } = session;
      const recipe = readRecipe(flags, places.toText);
      const space = readSpace(flags);
      const windows = readWindows(flags);
      const evaluator = readPlugin(flags.evaluator, flags.evaluatorOption, 'perplexity');
      const fidelity = readFidelity(flags.tokens, flags.precision);
      const request: DeepPartial<EvaluateRequest> = {
        requestId: flags.requestId ?? '',
        model: places.model,
        targets: targets.map(({ target }) => ({ target })),
        measurement: {
          text: places.toText(flags.text),
          ...(windows !== undefined && { windows }),
          ...(evaluator !== undefined && { evaluator }),
        },
        ...(recipe !== undefined && { recipe }),
        ...(space !== undefined && { space }),
        ...(fidelity !== undefined && { fidelity }),
      };
      if (flags.dryRun === true) return printPlan(await client.planEvaluate(request), printer);
      const results: EvaluationResult[] = [];
      const onEvent: Parameters<typeof watchJob>[1]['onEvent'] = ({ payload }) => {
        if (payload?.$case === 'evaluation') results.push(payload.value);
      };
      await watchJob((options) => client.evaluate(request, options), {
        session,
        printer,
        onInterrupt: 'cancel-job',
        onEvent,
      });
      printResults(
        results,
        targets.map(({ name }) => name),
        printer,
      );
    });
  });
}

const DENSE = { name: 'dense', target: { $case: 'dense', value: {} } } as const;

function printResults(results: readonly EvaluationResult[], names: readonly string[], printer: Printer): void {
  const sorted = [...results].sort((a, b) => a.index - b.index);
  const metrics = [...new Set(sorted.flatMap((result) => Object.keys(result.metrics)))];
  printer.table(
    ['target', 'parameters', ...metrics, 'tokens scored', 'tokens run'],
    sorted.map((result) => [
      names[result.index] ?? String(result.index),
      formatCount(result.costs.find(({ kind }) => kind === BudgetKind.PARAMETERS)?.value ?? NaN),
      ...metrics.map((metric) => formatMetric(result.metrics[metric] ?? NaN)),
      formatCount(result.scoredTokens),
      formatCount(result.tokensSpent),
    ]),
  );
  const [first] = sorted;
  if (first?.measurement === undefined || first.fidelity === undefined) return;
  const { window, stride, bos, scorer, fingerprint } = first.measurement;
  printer.lines(
    '',
    `${scorer}, ${first.fidelity.windows} windows of ${window} tokens, stride ${stride}, ${bos ? 'with' : 'without'} BOS; measurement ${fingerprint.slice(0, 16)}`,
  );
}
