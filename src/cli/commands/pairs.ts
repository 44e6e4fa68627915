import { InvalidArgumentError, type Command } from 'commander';
import type { DeepPartial, SearchRequest } from '../../client/index.js';
import { ExportPairsResponse, ImportPairsRequest } from '../../gen/prunecast/v1/pair.js';
import { addBudgetFlags, readBudgets, type BudgetFlags } from '../flags/budget.js';
import { addWindowFlags, readWindows, type WindowFlags } from '../flags/measurement.js';
import { addRecipeFlags, readRecipe, type RecipeFlags } from '../flags/recipe.js';
import { addServerFlags, type ServerFlags } from '../flags/server.js';
import { addSpaceFlags, readSpace, type SpaceFlags } from '../flags/space.js';
import { parseCount, parseJson, parseSeed, readTextArgument } from '../flags/values.js';
import { formatCount } from '../output/format.js';
import { createPrinter } from '../output/printer.js';
import { fromProtoJson } from '../proto-json.js';
import type { Places } from '../session/places.js';
import { useServer } from '../session/use-server.js';
import { watchJob } from '../session/watch-job.js';

type SampleFlags = ServerFlags &
  BudgetFlags &
  RecipeFlags &
  SpaceFlags &
  WindowFlags & {
    readonly model: string;
    readonly text: string;
    readonly pairs?: number;
    readonly tiedPairs?: number;
    readonly pairTokens?: number;
    readonly seed?: bigint;
  };

/** `prunecast pairs`: labelled architectures, made here, taken in and given out as JSON lines. */
export function addPairsCommand(program: Command): void {
  const pairs = program
    .command('pairs')
    .description('label architectures for a predictor, or carry them from and to files');
  const sample = pairs
    .command('sample')
    .description('draw architectures in a band around a budget and label them')
    .requiredOption('--model <DIR>', 'checkpoint folder')
    .requiredOption('--text <FILE|@TEXT>', 'text that labels are measured on; as in a search, of its first half');
  addBudgetFlags(sample)
    .option('--pairs <COUNT>', 'how many (default: 200)', parseCount)
    .option('--tied-pairs <COUNT>', 'of these, with neighbouring layers tied (default: half)', parseCount)
    .option('--pair-tokens <COUNT>', 'tokens a label (default: 8192)', parseCount)
    .option('--seed <SEED>', 'fixes every draw (default: 0)', parseSeed);
  addServerFlags(addWindowFlags(addSpaceFlags(addRecipeFlags(sample)))).action(async (flags: SampleFlags) => {
    if (readBudgets(flags).length === 0)
      throw new InvalidArgumentError('pairs lie around a budget: --remove 20%, or --at-most 100M.');
    const printer = createPrinter(flags);
    await useServer(flags, { model: flags.model, texts: [flags.text, flags.calibration] }, async (session) => {
      const { job } = await session.client.services.pairs.samplePairs({ search: buildSearch(flags, session.places) });
      const result = (
        await watchJob((options) => session.client.followJob(job?.id ?? '', options), {
          session,
          printer,
          onInterrupt: 'cancel-job',
        })
      )?.result;
      if (result?.$case === 'samplePairs')
        printer.lines(
          `study ${result.value.studyId}: ${result.value.pairs} pairs, ${formatCount(result.value.tokensSpent)} tokens`,
        );
    });
  });

  addServerFlags(
    pairs
      .command('export <STUDY>')
      .description('print the pairs of a study as JSON lines, as `pairs import` takes them'),
  ).action(async (studyId: string, flags: ServerFlags) => {
    const printer = createPrinter({ json: true });
    await useServer(flags, {}, async ({ client }) => {
      for await (const message of client.services.pairs.exportPairs({ studyId })) {
        printer.message({ typeName: 'prunecast.v1.ExportPairsResponse', codec: ExportPairsResponse, message });
      }
    });
  });

  addServerFlags(
    pairs.command('import <FILE|->').description('store pairs that were labelled elsewhere: JSON lines, the set first'),
  ).action(async (file: string, flags: ServerFlags) => {
    const lines = readTextArgument(file)
      .split('\n')
      .filter((line) => line.trim() !== '');
    const requests = lines.map((line) =>
      ImportPairsRequest.decode(fromProtoJson('prunecast.v1.ImportPairsRequest', parseJson(line, file))),
    );
    const printer = createPrinter(flags);
    await useServer(flags, {}, async ({ client }) => {
      const imported = await client.services.pairs.importPairs(requests);
      if (printer.format === 'json') printer.json(imported);
      printer.lines(`study ${imported.studyId}: ${imported.pairs} pairs`);
    });
  });
}

function buildSearch(flags: SampleFlags, places: Places): DeepPartial<SearchRequest> {
  const { calibration, ...recipeFlags } = flags;
  const recipe = readRecipe(recipeFlags, places.toText);
  const space = readSpace(flags);
  const windows = readWindows(flags);
  return {
    model: places.model,
    budgets: readBudgets(flags),
    texts: {
      text: places.toText(flags.text),
      ...(calibration !== undefined && { calibration: places.toText(calibration) }),
    },
    pairs: {
      ...(flags.pairs !== undefined && { count: flags.pairs }),
      ...(flags.tiedPairs !== undefined && { tiedCount: flags.tiedPairs }),
      ...(flags.pairTokens !== undefined && { rungs: [{ tokenLimit: flags.pairTokens }] }),
    },
    ...(recipe !== undefined && { recipes: [recipe] }),
    ...(space !== undefined && { space }),
    ...(windows !== undefined && { windows }),
    ...(flags.seed !== undefined && { seed: flags.seed }),
  };
}
