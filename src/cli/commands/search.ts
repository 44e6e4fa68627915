import { InvalidArgumentError, type Command } from 'commander';
import {
  Finish,
  StudyPhase,
  type PredictorFeatures,
  type DeepPartial,
  type SearchRequest,
  type StudyTexts,
} from '../../client/index.js';
import { addBudgetFlags, readBudgets, type BudgetFlags } from '../flags/budget.js';
import { addWindowFlags, readFidelity, readWindows, type WindowFlags } from '../flags/measurement.js';
import { FEATURES_FLAG } from '../flags/features.js';
import { addObjectiveFlags, readObjectives, type ObjectiveFlags } from '../flags/objective.js';
import { addPluginFlags, readPlugin } from '../flags/plugin.js';
import { addRecipeFlags, readRecipe, type RecipeFlags } from '../flags/recipe.js';
import { addServerFlags, type ServerFlags } from '../flags/server.js';
import { addSpaceFlags, readSpace, type SpaceFlags } from '../flags/space.js';
import { parseChoice, parseCount, parseCounts, parseNames, parseSeed } from '../flags/values.js';
import { printPlan } from '../output/print-plan.js';
import { printReport } from '../output/print-report.js';
import { createPrinter } from '../output/printer.js';
import type { Places } from '../session/places.js';
import { useServer } from '../session/use-server.js';
import { watchJob } from '../session/watch-job.js';

type PluginOptions = readonly (readonly [string, unknown])[];

type Flags = ServerFlags &
  BudgetFlags &
  ObjectiveFlags &
  RecipeFlags &
  SpaceFlags &
  WindowFlags & {
    readonly model: string;
    readonly text?: string;
    readonly searchText?: string;
    readonly verifyText?: string;
    readonly reportText?: string;
    readonly output?: string;
    readonly overwrite?: boolean;
    readonly pairs?: number;
    readonly tiedPairs?: number;
    readonly pairTokens?: number;
    readonly candidates?: number;
    readonly verify?: number;
    readonly verifyTokens?: number[];
    readonly reportTokens?: number;
    readonly rounds?: number;
    readonly refine: boolean;
    readonly pauseBefore?: StudyPhase;
    readonly finish?: Finish;
    readonly controls?: string[];
    readonly preset?: string;
    readonly seed?: bigint;
    readonly features?: PredictorFeatures;
    readonly predictor?: string;
    readonly predictorOption?: PluginOptions;
    readonly strategy?: string;
    readonly strategyOption?: PluginOptions;
    readonly evaluator?: string;
    readonly evaluatorOption?: PluginOptions;
    readonly exporter?: string;
    readonly exporterOption?: PluginOptions;
    readonly requestId?: string;
    readonly dryRun?: boolean;
  };

/** Phases as a user names them. */
const PHASES = {
  recipe: StudyPhase.RECIPE,
  sample: StudyPhase.SAMPLE,
  fit: StudyPhase.FIT,
  refine: StudyPhase.REFINE,
  search: StudyPhase.SEARCH,
  verify: StudyPhase.VERIFY,
  controls: StudyPhase.CONTROLS,
  report: StudyPhase.REPORT,
  export: StudyPhase.EXPORT,
} as const;

/** `prunecast search`: finds the best architecture within the budgets, and writes it where an output is named. */
export function addSearchCommand(program: Command): void {
  const command = program
    .command('search')
    .description('find the best architecture within a budget, and write it')
    .requiredOption('--model <DIR>', 'checkpoint folder')
    .option('--text <FILE|@TEXT>', 'text for all parts of the study that have none of their own')
    .option('--search-text <FILE|@TEXT>', 'text that labels are measured on')
    .option('--verify-text <FILE|@TEXT>', 'text that finalists are chosen on')
    .option('--report-text <FILE|@TEXT>', 'text of the reported numbers')
    .option('--output <DIR>', 'folder to write the winner to (default: it is not written)')
    .option('--overwrite', 'replace an earlier output; anything else is left as it is');
  addObjectiveFlags(addBudgetFlags(command))
    .option('--pairs <COUNT>', 'architectures to label for the predictor (default: 120)', parseCount)
    .option(
      '--tied-pairs <COUNT>',
      'of these, with neighbouring layers tied (default: a tenth of those of the first sample)',
      parseCount,
    )
    .option('--pair-tokens <COUNT>', 'tokens a label (default: 8192)', parseCount)
    .option('--candidates <COUNT>', 'distinct architectures to predict (default: 10000)', parseCount)
    .option(
      '--verify <COUNT>',
      'of the best predicted, how many to really evaluate a round (default: 18 over all rounds)',
      parseCount,
    )
    .option(
      '--verify-tokens <COUNTS>',
      'tokens of each such evaluation; several, cheap to dear (2048,16384), halve the field after each (default: all of the verify text)',
      parseCounts,
    )
    .option('--report-tokens <COUNT>', 'tokens of the report (default: all of the report text)', parseCount)
    .option('--rounds <COUNT>', 'rounds of refine, sample, fit, search, verify (default: 3)', parseCount)
    .option('--no-refine', 'keep the search space as it is')
    .option('--seed <SEED>', 'fixes every draw (default: 0)', parseSeed)
    .option('--preset <NAME>', "paper: the paper's procedure")
    .option(
      '--finish <FINISH>',
      'one-shot or stream: how finalists, controls and output are mended (default: whichever the verify windows prefer)',
      parseChoice({ 'one-shot': Finish.ONE_SHOT, stream: Finish.STREAM }),
    )
    .option(
      '--controls <NAMES>',
      'what the winner is compared with, comma-separated (default: all; random costs as many labels as the search)',
      parseNames,
    )
    .option(
      '--pause-before <PHASE>',
      `wait for \`prunecast jobs resume\` before this phase: ${Object.keys(PHASES).join(', ')}`,
      parseChoice(PHASES),
    );
  addPluginFlags(command, 'predictor', 'predicts quality (default: auto)').option(...FEATURES_FLAG);
  addPluginFlags(command, 'strategy', 'proposes candidates (default: evolutionary; nsga2 for a front)');
  addWindowFlags(addSpaceFlags(addRecipeFlags(command)));
  addPluginFlags(command, 'evaluator', 'what is measured (default: perplexity)');
  addPluginFlags(command, 'exporter', 'writes the winner (default: hf)');
  command
    .option('--request-id <ID>', 'attach to the job of an earlier call with this id')
    .option('--dry-run', 'show the plan and do nothing');
  addServerFlags(command).action(async (flags: Flags) => {
    if (readBudgets(flags).length === 0)
      throw new InvalidArgumentError('a search needs a budget: --remove 20%, or --at-most 100M.');
    const printer = createPrinter(flags);
    const texts = [flags.text, flags.calibration, flags.searchText, flags.verifyText, flags.reportText];
    await useServer(
      flags,
      { model: flags.model, texts, ...(flags.output !== undefined && { output: flags.output }) },
      async (session) => {
        const { client, places } = session;
        const request = buildRequest(flags, places);
        if (flags.dryRun === true) return printPlan(await client.planSearch(request), printer);
        const result = (
          await watchJob((options) => client.search(request, options), { session, printer, onInterrupt: 'cancel-job' })
        )?.result;
        if (result?.$case === 'search') printReport(result.value, flags.output, printer);
      },
    );
  });
}

function buildRequest(flags: Flags, places: Places): DeepPartial<SearchRequest> {
  // The study's calibration text is one of its texts; the recipe has the rest.
  const { calibration: _, ...recipeFlags } = flags;
  const recipe = readRecipe(recipeFlags, places.toText);
  const space = readSpace(flags);
  const windows = readWindows(flags);
  const predictor = readPlugin(flags.predictor, flags.predictorOption, 'auto');
  const strategy = readPlugin(flags.strategy, flags.strategyOption, 'evolutionary');
  const evaluator = readPlugin(flags.evaluator, flags.evaluatorOption, 'perplexity');
  const exporter = readPlugin(flags.exporter, flags.exporterOption, 'hf');
  const report = readFidelity(flags.reportTokens);
  return {
    requestId: flags.requestId ?? '',
    model: places.model,
    budgets: readBudgets(flags),
    objectives: readObjectives(flags),
    texts: readTexts(flags, places),
    pairs: {
      ...(flags.pairs !== undefined && { count: flags.pairs }),
      ...(flags.tiedPairs !== undefined && { tiedCount: flags.tiedPairs }),
      ...(flags.pairTokens !== undefined && { rungs: [{ tokenLimit: flags.pairTokens }] }),
    },
    verify: {
      ...(flags.verify !== undefined && { count: flags.verify }),
      ...(flags.verifyTokens !== undefined && { rungs: flags.verifyTokens.map((tokenLimit) => ({ tokenLimit })) }),
    },
    output: places.output,
    overwrite: flags.overwrite === true,
    preset: flags.preset ?? '',
    ...(recipe !== undefined && { recipes: [recipe] }),
    ...(space !== undefined && { space }),
    ...(windows !== undefined && { windows }),
    ...(predictor !== undefined && { predictor }),
    ...(strategy !== undefined && { strategy }),
    ...(evaluator !== undefined && { evaluator }),
    ...(exporter !== undefined && { exporter }),
    ...(report !== undefined && { report }),
    ...(flags.candidates !== undefined && { candidates: flags.candidates }),
    ...(flags.rounds !== undefined && { rounds: flags.rounds }),
    ...(flags.seed !== undefined && { seed: flags.seed }),
    ...(flags.finish !== undefined && { finish: flags.finish }),
    ...(flags.controls !== undefined && { controls: flags.controls }),
    ...(flags.pauseBefore !== undefined && { pauseBefore: [flags.pauseBefore] }),
    ...(!flags.refine && { refine: { disabled: true } }),
  };
}

function readTexts(
  { text, calibration, searchText, verifyText, reportText }: Flags,
  { toText }: Places,
): DeepPartial<StudyTexts> {
  const given = { text, calibration, search: searchText, verify: verifyText, report: reportText };
  return Object.fromEntries(
    Object.entries(given).flatMap(([part, flag]) => (flag === undefined ? [] : [[part, toText(flag)]])),
  );
}
