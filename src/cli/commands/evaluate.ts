import type { Command } from 'commander';
import type { EvaluationResult } from '../../client/index.js';
import { EvaluateRequest } from '../../gen/prunecast/v1/pruning.js';
import { furtherFlags } from '../../flags/further.js';
import { PRECISION, windowFlags } from '../../flags/measurement.js';
import { modelFlag, jobFlags } from '../../flags/paths.js';
import { pluginFlags } from '../../flags/plugin.js';
import { recipeFlags } from '../../flags/recipe.js';
import type { RequestFlag } from '../../flags/request-flag.js';
import { textFormFlags, textFlag } from '../../flags/text.js';
import { addRequestFlags, type RequestType } from '../options/request-option.js';
import { addFlags, DRY_RUN } from '../options/flag-option.js';
import { addServerFlags } from '../options/server.js';
import { showFirst } from '../options/short-help.js';
import { spaceFlags } from '../../flags/space.js';
import { targetFlags } from '../../flags/target.js';
import { parseCount } from '../../flags/values.js';
import { printEvaluation } from '../output/print-evaluation.js';
import { printPlan } from '../output/print-plan.js';
import type { PrintFlags } from '../output/printer.js';
import { announceCost } from '../session/announce-cost.js';
import { awaitPlan } from '../session/await-plan.js';
import { callServer, type Call } from '../session/call-server.js';
import { nameOutput, repeatFlags } from '../session/next-commands.js';
import type { FieldSource } from '../session/field-names.js';
import { watchJob } from '../session/watch-job.js';

const EVALUATE: RequestType<EvaluateRequest> = { typeName: 'prunecast.v1.EvaluateRequest', codec: EvaluateRequest };

const TEXT_FLAGS = [
  textFlag('--text', 'measurement.text', 'text to measure on, or the file or folder of questions', {
    showsNoDefault: true,
  }),
  ...textFormFlags('measurement.text'),
];

const DENSE_FLAG: RequestFlag = {
  flags: '--dense',
  summary: 'measure the unpruned model; it alone is measured if no target is given',
  field: 'targets[]',
  value: { dense: {} },
  showsNoDefault: true,
};

const FIDELITY_FLAGS: readonly RequestFlag[] = [
  {
    flags: '--tokens <COUNT>',
    summary: 'at most this many tokens, in whole windows spread over the text',
    field: 'fidelity.token_limit',
    parse: parseCount,
  },
  {
    flags: '--precision <PRECISION>',
    summary: 'float32, or int8',
    field: 'fidelity.precision',
    ...PRECISION,
  },
];

/** `prunecast evaluate`: measures architectures of a model. */
export function addEvaluateCommand(program: Command): void {
  const command = program
    .command('evaluate')
    .description('measure a model, or architectures of it, on a text; each kind of target may be repeated');
  addRequestFlags(command, EVALUATE, 'Model', [modelFlag()]);
  addRequestFlags(command, EVALUATE, 'Text', [...TEXT_FLAGS, ...windowFlags('measurement.windows'), ...FIDELITY_FLAGS]);
  addRequestFlags(command, EVALUATE, 'Targets', [DENSE_FLAG, ...targetFlags('targets[].')]);
  addRequestFlags(command, EVALUATE, 'Objective', [
    ...pluginFlags('evaluator', 'measurement.evaluator', 'what is measured'),
    ...furtherFlags('text'),
  ]);
  addRequestFlags(command, EVALUATE, 'Recipe', recipeFlags('recipe'));
  addRequestFlags(command, EVALUATE, 'Search space', spaceFlags('space'));
  addRequestFlags(command, EVALUATE, 'Job', jobFlags());
  addFlags(command, DRY_RUN);
  addServerFlags(command);
  showFirst(command, [
    '--model',
    '--text',
    '--tokens',
    '--rate',
    '--earlier-output',
    '--evaluator',
    '--calibration',
    '--dry-run',
  ]).action(async (flags: PrintFlags & { readonly dryRun?: boolean }) => {
    await callServer(command, EVALUATE, async (call) => {
      const { client, request, printer } = call;
      if (flags.dryRun === true) {
        printPlan(await awaitPlan((options) => client.planEvaluate(request, options), printer), printer);
        return call.repeat('to do it', { without: ['--dry-run'] });
      }
      await announceCost((options) => client.planEvaluate(request, options), printer, flags);
      const results: EvaluationResult[] = [];
      const startedMs = performance.now();
      await watchJob((options) => client.evaluate(request, options), call, {
        onInterrupt: 'cancel-job',
        onEvent: ({ payload }) => {
          if (payload?.$case === 'evaluation') results.push(payload.value);
        },
      });
      const seconds = (performance.now() - startedMs) / 1000;
      printEvaluation(results, { names: nameTargets(call.sources), seconds }, printer);
      // A search needs a text to calibrate on.
      if (results.some(({ measurement }) => (measurement?.window ?? 0) > 0)) suggestSearch(call);
    });
  });
}

/** Nothing for an evaluator without a text, which a search needs. */
function suggestSearch({ paths: { model = '', texts }, sources, suggest }: Call<EvaluateRequest>): void {
  const [text] = texts;
  if (text === undefined) return;
  suggest({
    why: 'to find a model with a fifth fewer parameters, measured in the same way',
    words: [
      'search',
      '--model',
      model,
      '--text',
      text,
      ...repeatFlags(
        sources,
        'measurement.text.field',
        'measurement.text.documents',
        'measurement.windows.',
        'measurement.evaluator.',
      ),
      '--remove',
      '20%',
      '--effort',
      'quick',
      '--output',
      nameOutput(model),
    ],
  });
}

const DENSE_NAME = 'dense (unpruned)';

/** What to call the targets in a table, in their order. */
function nameTargets(sources: readonly FieldSource[]): string[] {
  const targets = sources.filter(({ path }) => path.startsWith('targets['));
  if (targets.length === 0) return [DENSE_NAME];
  return targets.map(({ flag, text = '' }) =>
    flag === '--dense' ? DENSE_NAME : flag.startsWith('--rate') ? `${flag.slice(2)} ${text}` : text,
  );
}
