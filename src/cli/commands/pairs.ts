import type { Command } from 'commander';
import {
  ExportPairsRequest,
  ExportPairsResponse,
  ImportPairsRequest,
  SamplePairsRequest,
} from '../../gen/prunecast/v1/pair.js';
import { budgetFlags } from '../../flags/budget.js';
import { PathArgument } from '../options/flag-option.js';
import { BUDGET_BASICS, requireBudget } from '../options/require-budget.js';
import { windowFlags } from '../../flags/measurement.js';
import { pairFlags } from '../../flags/pairs.js';
import { modelFlag, jobFlags } from '../../flags/paths.js';
import { recipeFlags } from '../../flags/recipe.js';
import type { RequestFlag } from '../../flags/request-flag.js';
import { textFormFlags, textFlag } from '../../flags/text.js';
import { addRequestFlags, RequestArgument, type RequestType } from '../options/request-option.js';
import { addServerFlags, type ServerFlags } from '../options/server.js';
import { showFirst } from '../options/short-help.js';
import { spaceFlags } from '../../flags/space.js';
import { parseJson, parseSeed, readTextArgument } from '../../flags/values.js';
import { formatAmount } from '../../words/format.js';
import type { NextCommand } from '../output/next-command.js';
import { createPrinter } from '../output/printer.js';
import { fromProtoJson } from '../proto/proto-json.js';
import { callServer } from '../session/call-server.js';
import { serverWords } from '../session/next-commands.js';
import { writeCommandLine } from '../session/shell-words.js';
import { useServer } from '../session/use-server.js';
import { watchJob } from '../session/watch-job.js';

const SAMPLE: RequestType<SamplePairsRequest> = {
  typeName: 'prunecast.v1.SamplePairsRequest',
  codec: SamplePairsRequest,
};
const EXPORT: RequestType<ExportPairsRequest> = {
  typeName: 'prunecast.v1.ExportPairsRequest',
  codec: ExportPairsRequest,
};

const TEXT_FLAGS: readonly RequestFlag[] = [
  textFlag('--text', 'search.texts.text', 'text that pairs are labelled on: its first half, as in a search', {
    required: true,
  }),
  ...textFormFlags('search.texts.text'),
];

const SEED_FLAG: RequestFlag = {
  flags: '--seed <SEED>',
  summary: 'fixes every random draw',
  field: 'search.seed',
  parse: parseSeed,
};

/** `prunecast pairs`: labelled architectures, made here, taken in and given out as JSON lines. */
export function addPairsCommand(program: Command): void {
  const pairs = program
    .command('pairs')
    .description('label architectures for a predictor, or carry them from and to files');
  addSample(pairs);
  addExport(pairs);
  addImport(pairs);
}

function addSample(pairs: Command): void {
  const command = pairs.command('sample').description('draw architectures in a band around a budget and label them');
  addRequestFlags(command, SAMPLE, 'Model', [modelFlag('search.model')]);
  addRequestFlags(command, SAMPLE, 'Text', [...TEXT_FLAGS, ...windowFlags('search.windows')]);
  addRequestFlags(command, SAMPLE, 'Budget', budgetFlags('search.budgets'));
  addRequestFlags(command, SAMPLE, 'Pairs', [...pairFlags('search.pairs'), SEED_FLAG]);
  addRequestFlags(command, SAMPLE, 'Recipe', recipeFlags('search.recipes[0]', 'search.texts.calibration'));
  addRequestFlags(command, SAMPLE, 'Search space', spaceFlags('search.space'));
  addRequestFlags(command, SAMPLE, 'Job', jobFlags('search.'));
  addServerFlags(command);
  showFirst(command, [...BUDGET_BASICS, '--pairs', '--pair-tokens', '--calibration']).action(async () => {
    requireBudget(command, 'pairs lie around a budget');
    await callServer(command, SAMPLE, async (call) => {
      const { job } = await call.client.services.pairs.samplePairs(call.request);
      const ended = await watchJob((options) => call.client.followJob(job?.id ?? '', options), call, {
        onInterrupt: 'cancel-job',
      });
      if (ended?.result?.$case !== 'samplePairs') return;
      const { studyId, pairs: count, tokensSpent } = ended.result.value;
      call.printer.lines(`study ${studyId}: ${count} pairs, ${formatAmount(tokensSpent)} tokens`);
      call.suggest(fitOn(studyId));
    });
  });
}

function addExport(pairs: Command): void {
  const command = pairs
    .command('export')
    .addArgument(new RequestArgument('<STUDY>', 'study_id'))
    .description('print the pairs of a study as JSON lines, as `pairs import` takes them');
  addServerFlags(command).action(() =>
    callServer(command, EXPORT, async ({ client, request }) => {
      const printer = createPrinter({ json: true });
      for await (const message of client.services.pairs.exportPairs(request)) {
        printer.message({ typeName: 'prunecast.v1.ExportPairsResponse', codec: ExportPairsResponse, message });
      }
    }),
  );
}

function addImport(pairs: Command): void {
  const command = pairs
    .command('import')
    .addArgument(new PathArgument('<FILE|->', { from: 'files' }))
    .description('store pairs that were labelled elsewhere: JSON lines, the set first');
  addServerFlags(command).action(async (file: string, flags: ServerFlags) => {
    const lines = readTextArgument(file)
      .split('\n')
      .filter((line) => line.trim() !== '');
    const requests = lines.map((line) =>
      ImportPairsRequest.decode(fromProtoJson('prunecast.v1.ImportPairsRequest', parseJson(line, file))),
    );
    const printer = createPrinter(flags);
    await useServer(flags, async ({ client }) => {
      const imported = await client.services.pairs.importPairs(requests);
      if (printer.format === 'json') printer.json(imported);
      printer.lines(`study ${imported.studyId}: ${imported.pairs} pairs`);
      const { why, words } = fitOn(imported.studyId);
      printer.next({ why, line: writeCommandLine(['prunecast', ...words, ...serverWords(flags)]) });
    });
  });
}

function fitOn(study: string): NextCommand {
  return { why: 'to fit a predictor to them', words: ['predictors', 'fit', study] };
}
