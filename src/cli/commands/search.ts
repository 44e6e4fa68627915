import { InvalidArgumentError, type Command } from 'commander';
import { SearchRequest } from '../../gen/prunecast/v1/pruning.js';
import { budgetFlags, hasBudget } from '../flags/budget.js';
import { windowFlags } from '../flags/measurement.js';
import { OBJECTIVE_FLAGS } from '../flags/objective.js';
import { modelFlag, outputFlags, requestIdFlag } from '../flags/paths.js';
import { pluginFlags } from '../flags/plugin.js';
import { predictorFlags } from '../flags/predictor.js';
import { recipeFlags } from '../flags/recipe.js';
import { addRequestFlags, type RequestFlag, type RequestType } from '../flags/request-option.js';
import { pairFlags } from '../flags/pairs.js';
import { addServerFlags } from '../flags/server.js';
import { showFirst } from '../flags/short-help.js';
import { spaceFlags } from '../flags/space.js';
import { parseCount, parseCounts, parseEnum, parseNames, parseSeed } from '../flags/values.js';
import { printPlan } from '../output/print-plan.js';
import { printReport } from '../output/print-report.js';
import { callServer } from '../session/call-server.js';
import { watchJob } from '../session/watch-job.js';

const SEARCH: RequestType<SearchRequest> = { typeName: 'prunecast.v1.SearchRequest', codec: SearchRequest };

const TEXT_FLAGS: readonly RequestFlag[] = [
  {
    flags: '--text <FILE|@TEXT>',
    summary: 'text for every part of the study that has no text of its own',
    field: 'texts.text',
    place: 'text',
  },
  {
    flags: '--search-text <FILE|@TEXT>',
    summary: 'text that pairs are labelled on',
    field: 'texts.search',
    place: 'text',
  },
  {
    flags: '--verify-text <FILE|@TEXT>',
    summary: 'text that finalists are compared on',
    field: 'texts.verify',
    place: 'text',
  },
  {
    flags: '--report-text <FILE|@TEXT>',
    summary: 'text of the reported numbers',
    field: 'texts.report',
    place: 'text',
  },
];

const PHASES = ['recipe', 'sample', 'fit', 'refine', 'search', 'verify', 'controls', 'report', 'export'] as const;

/** As reports name them. */
const CONTROLS = [
  'uniform-paper',
  'uniform-best',
  'global-threshold',
  'calibration-error',
  'random',
  'paper-recipe/uniform-paper',
  'paper-recipe/uniform-best',
] as const;

const STUDY_FLAGS: readonly RequestFlag[] = [
  {
    flags: '--effort <EFFORT>',
    summary: 'how much is spent: quick, default or thorough; other flags win',
    field: 'effort',
    parse: parseEnum('EFFORT', ['quick', 'default', 'thorough']),
  },
  ...pairFlags('pairs'),
  {
    flags: '--candidates <COUNT>',
    summary: 'distinct architectures to predict',
    field: 'candidates',
    parse: parseCount,
  },
  {
    flags: '--verify <COUNT>',
    summary: 'how many of the best predicted are really evaluated per round',
    field: 'verify.count',
    parse: parseCount,
  },
  {
    flags: '--verify-tokens <COUNTS>',
    summary: 'tokens per such evaluation; with several, as 2048,16384, the better half after each goes to the next',
    field: 'verify.rungs',
    parse: (text) => parseCounts(text).map((token_limit) => ({ token_limit })),
  },
  {
    flags: '--report-tokens <COUNT>',
    summary: 'tokens of the reported evaluation',
    field: 'report.token_limit',
    defaultFrom: 'report',
    parse: parseCount,
  },
  {
    flags: '--rounds <COUNT>',
    summary: 'rounds of refine, sample, fit, search, verify',
    field: 'rounds',
    parse: parseCount,
  },
  { flags: '--no-refine', summary: 'keep the search space as it is', field: 'refine.disabled' },
  {
    flags: '--compensation-fit <FIT>',
    summary: 'how finalists, controls and output are compensated: one-shot, or stream',
    field: 'compensation_fit',
    parse: parseEnum('COMPENSATION_FIT', ['one-shot', 'stream']),
  },
  {
    flags: '--controls <NAMES>',
    summary: 'what the winner is compared with, comma-separated; random costs as many labels as the search',
    field: 'controls',
    parse: (text) => parseNames(text).map(parseEnum('CONTROL', CONTROLS)),
  },
  {
    flags: '--preset <NAME>',
    summary: "paper: the paper's procedure",
    field: 'preset',
    parse: parseEnum('PRESET', ['paper']),
  },
  { flags: '--seed <SEED>', summary: 'fixes every random draw', field: 'seed', parse: parseSeed },
];

const JOB_FLAGS: readonly RequestFlag[] = [
  {
    flags: '--pause-before <PHASE>',
    summary: `wait for \`prunecast jobs resume\` before this phase, may be repeated: ${PHASES.join(', ')}`,
    field: 'pause_before[]',
    repeats: true,
    parse: parseEnum('STUDY_PHASE', PHASES),
  },
  requestIdFlag(),
];

/** `prunecast search`: finds the best architecture within the budgets, and writes it to `--output`. */
export function addSearchCommand(program: Command): void {
  const command = program.command('search').description('find the best architecture within a budget, and write it');
  addRequestFlags(command, SEARCH, 'Model', [modelFlag()]);
  addRequestFlags(command, SEARCH, 'Text', [...TEXT_FLAGS, ...windowFlags('windows')]);
  addRequestFlags(command, SEARCH, 'Budget', budgetFlags('budgets'));
  addRequestFlags(command, SEARCH, 'Objective', [
    ...OBJECTIVE_FLAGS,
    ...pluginFlags('evaluator', 'evaluator', 'measures architectures'),
  ]);
  addRequestFlags(command, SEARCH, 'Recipe', recipeFlags('recipes[0]', 'texts.calibration'));
  addRequestFlags(command, SEARCH, 'Search space', spaceFlags('space'));
  addRequestFlags(command, SEARCH, 'Search', [
    ...STUDY_FLAGS,
    ...predictorFlags(),
    ...pluginFlags('strategy', 'strategy', 'proposes candidates'),
  ]);
  addRequestFlags(command, SEARCH, 'Output', outputFlags('the winner'));
  addRequestFlags(command, SEARCH, 'Job', JOB_FLAGS);
  command.option('--dry-run', 'show what would be done, and do nothing');
  addServerFlags(command);
  showFirst(command, [
    '--model',
    '--text',
    '--remove',
    '--at-most',
    '--objective',
    '--effort',
    '--output',
    '--overwrite',
    '--dry-run',
  ]).action(async (flags: { readonly dryRun?: boolean }) => {
    if (!hasBudget(command))
      throw new InvalidArgumentError('a search needs a budget: --remove 20%, or --at-most 100M.');
    await callServer(command, SEARCH, async (call) => {
      const { client, request, printer, paths } = call;
      if (flags.dryRun === true) return printPlan(await client.planSearch(request), printer);
      const ended = await watchJob((options) => client.search(request, options), call, { onInterrupt: 'cancel-job' });
      if (ended?.result?.$case === 'search') printReport(ended.result.value, paths.output, printer);
    });
  });
}
