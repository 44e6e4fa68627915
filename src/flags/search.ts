import { budgetFlags } from './budget.js';
import { furtherFlags } from './further.js';
import { enumForm, enumsForm } from './enum-form.js';
import { windowFlags } from './measurement.js';
import { OBJECTIVE_FLAGS } from './objective.js';
import { pairFlags } from './pairs.js';
import { modelFlag, outputFlags, jobFlags } from './paths.js';
import { pluginFlags } from './plugin.js';
import { predictorFlags } from './predictor.js';
import { recipeFlags } from './recipe.js';
import { recoveryFlags } from './recovery.js';
import type { FlagGroup, Json, JsonObject, RequestFlag } from './request-flag.js';
import { spaceFlags } from './space.js';
import { textFieldFlag, textFormFlags, textFlag } from './text.js';
import { parseCount, parseCounts, parseSeed } from './values.js';

const TEXT_FLAGS: readonly RequestFlag[] = [
  textFlag('--text', 'texts.text', 'text for every part of the study that has no text of its own'),
  ...textFormFlags('texts.text'),
  textFlag('--search-text', 'texts.search', 'text that pairs are labelled on'),
  textFieldFlag('--search-text-field', 'texts.search', '--search-text'),
  textFlag('--verify-text', 'texts.verify', 'text that finalists are compared on'),
  textFieldFlag('--verify-text-field', 'texts.verify', '--verify-text'),
  textFlag('--report-text', 'texts.report', 'text of the reported numbers'),
  textFieldFlag('--report-text-field', 'texts.report', '--report-text'),
];

const PHASES = ['recipe', 'sample', 'fit', 'refine', 'search', 'verify', 'export', 'controls', 'report'] as const;

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
    ...enumForm('EFFORT', ['quick', 'default', 'thorough']),
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
    write: writeRungs,
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
    ...enumForm('COMPENSATION_FIT', ['one-shot', 'stream']),
  },
  {
    flags: '--controls <NAMES>',
    summary: 'what the winner is compared with, comma-separated; random costs as many labels as the search',
    field: 'controls',
    ...enumsForm('CONTROL', CONTROLS),
  },
  {
    flags: '--preset <NAME>',
    summary: "paper: the paper's procedure",
    field: 'preset',
    ...enumForm('PRESET', ['paper']),
  },
  { flags: '--seed <SEED>', summary: 'fixes every random draw', field: 'seed', parse: parseSeed },
];

const JOB_FLAGS: readonly RequestFlag[] = [
  {
    flags: '--pause-before <PHASE>',
    summary: `wait for \`prunecast jobs resume\` before this phase: ${PHASES.join(', ')}`,
    field: 'pause_before[]',
    repeats: true,
    ...enumForm('STUDY_PHASE', PHASES),
  },
  ...jobFlags(),
];

/** The flags of `prunecast search` that fill a SearchRequest, in the order of its help. */
export const SEARCH_FLAGS: readonly FlagGroup[] = [
  { heading: 'Model', flags: [modelFlag()] },
  { heading: 'Text', flags: [...TEXT_FLAGS, ...windowFlags('windows')] },
  { heading: 'Budget', flags: budgetFlags('budgets') },
  {
    heading: 'Objective',
    flags: [
      ...OBJECTIVE_FLAGS,
      ...pluginFlags('evaluator', 'evaluator', 'measures architectures'),
      ...furtherFlags('texts.text'),
    ],
  },
  { heading: 'Recipe', flags: recipeFlags('recipes[0]', 'texts.calibration') },
  { heading: 'Search space', flags: spaceFlags('space') },
  {
    heading: 'Search',
    flags: [...STUDY_FLAGS, ...predictorFlags(), ...pluginFlags('strategy', 'strategy', 'proposes candidates')],
  },
  { heading: 'Recovery', flags: recoveryFlags() },
  { heading: 'Output', flags: outputFlags('the winner') },
  { heading: 'Job', flags: JOB_FLAGS },
];

/** Fidelities that limit nothing but their tokens. */
function writeRungs(rungs: Json): string | undefined {
  const limits = (rungs as readonly JsonObject[]).map(({ token_limit: limit, ...rest }) =>
    Object.keys(rest).length === 0 ? limit : undefined,
  );
  return limits.includes(undefined) ? undefined : limits.join(',');
}
