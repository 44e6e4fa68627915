import type { Command } from 'commander';
import { ReportFormat, type StudyReport } from '../../client/index.js';
import { SearchRequest } from '../../gen/prunecast/v1/pruning.js';
import { addFlags, DRY_RUN } from '../options/flag-option.js';
import { BUDGET_BASICS, requireBudget } from '../options/require-budget.js';
import { addRequestFlags, type RequestType } from '../options/request-option.js';
import { SEARCH_FLAGS } from '../../flags/search.js';
import { addServerFlags } from '../options/server.js';
import { showFirst } from '../options/short-help.js';
import type { NextCommand } from '../output/next-command.js';
import { findCheckpoint } from '../output/describe-exports.js';
import { openPageFile } from '../output/page-file.js';
import { printPlan } from '../output/print-plan.js';
import { printReport } from '../output/print-report.js';
import type { PrintFlags } from '../output/printer.js';
import { announceCost } from '../session/announce-cost.js';
import { awaitPlan } from '../session/await-plan.js';
import { callServer, type Call } from '../session/call-server.js';
import { nameUnused, repeatFlags, TEXT_TO_NAME, typedFor } from '../session/next-commands.js';
import { watchJob } from '../session/watch-job.js';

const SEARCH: RequestType<SearchRequest> = { typeName: 'prunecast.v1.SearchRequest', codec: SearchRequest };

interface Flags extends PrintFlags {
  readonly dryRun?: boolean;
  readonly report?: string;
  readonly overwrite?: boolean;
}

/** `prunecast search`: finds the best architecture within the budgets, and writes it to `--output`. */
export function addSearchCommand(program: Command): void {
  const command = program.command('search').description('find the best architecture within a budget, and write it');
  for (const { heading, flags } of SEARCH_FLAGS) addRequestFlags(command, SEARCH, heading, flags);
  addFlags(
    command,
    {
      flags: '--report <FILE>',
      summary: 'write the report as a page with charts, as `prunecast report STUDY --html FILE` does',
      proposes: { from: 'files' },
    },
    DRY_RUN,
  );
  addServerFlags(command);
  showFirst(command, [
    ...BUDGET_BASICS,
    '--objective',
    '--effort',
    '--output',
    '--overwrite',
    '--report',
    '--dry-run',
  ]).action(async (flags: Flags) => {
    requireBudget(command, 'a search needs a budget');
    const page = flags.report === undefined ? undefined : openPageFile('--report', flags.report, flags);
    await callServer(command, SEARCH, async (call) => {
      const { client, request, printer, paths } = call;
      if (flags.dryRun === true) {
        printPlan(await awaitPlan((options) => client.planSearch(request, options), printer), printer);
        return call.repeat('to do it', { without: ['--dry-run'] });
      }
      await announceCost((options) => client.planSearch(request, options), printer, flags);
      const ended = await watchJob((options) => client.search(request, options), call, { onInterrupt: 'cancel-job' });
      if (ended?.result?.$case !== 'search') return;
      printReport(ended.result.value, paths.output, printer);
      if (page !== undefined) {
        const { studyId } = ended.result.value;
        const { document } = await client.services.studies.getStudyReport({ studyId, format: ReportFormat.HTML });
        page.write(document);
        printer.lines({ verbatim: `wrote ${page.path}` });
      }
      const checkpoint = await findWritten(call, ended.result.value);
      call.suggest(...afterSearch(call, ended.result.value, { checkpoint, page: page?.path }));
    });
  });
}

/** The folder with the winner that this program reads as a model; undefined if there is none. */
async function findWritten(
  { client, request, paths: { output }, serverStays }: Call<SearchRequest>,
  { exports }: StudyReport,
): Promise<string | undefined> {
  // A running server may have its outputs where it reads no models.
  if (output === undefined || serverStays) return undefined;
  if (exports.length > 0) return findCheckpoint({ exports }, output);
  const listed = await client.services.files.listOutputs({ folder: request.output });
  return listed.outputs.some(({ parameters }) => parameters > 0n) ? output : undefined;
}

/** What to do with the outcome of a search. */
function afterSearch(
  { sources }: Call<SearchRequest>,
  { predictorId, studyId }: StudyReport,
  { checkpoint, page }: { readonly checkpoint: string | undefined; readonly page: string | undefined },
): NextCommand[] {
  const report = typedFor(sources, 'texts.report');
  const text = report ?? typedFor(sources, 'texts.text') ?? TEXT_TO_NAME;
  const form = report === undefined ? ['texts.text.field', 'texts.text.documents'] : [];
  const measured = repeatFlags(sources, ...form, 'windows.', 'evaluator.');
  return [
    ...(checkpoint === undefined
      ? []
      : [
          {
            why: 'to measure the winner as it was written, on the whole text and not just the report windows',
            words: ['evaluate', '--model', checkpoint, '--text', text, ...measured],
          },
        ]),
    ...(page === undefined
      ? [
          {
            why: 'to see it as a page with charts',
            words: ['report', studyId, '--html', nameUnused('report', '.html')],
          },
        ]
      : []),
    ...(predictorId === ''
      ? []
      : [{ why: 'to see what each dimension does', words: ['predictors', 'explain', predictorId] }]),
  ];
}
