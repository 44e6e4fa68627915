import { InvalidArgumentError, type Command } from 'commander';
import { ReportFormat, type StudyOverview } from '../../client/index.js';
import { GetStudyReportRequest, StudyOverview as OverviewMessage } from '../../gen/prunecast/v1/study.js';
import type { RequestFlag } from '../../flags/request-flag.js';
import { addRequestFlags, RequestArgument, type RequestType } from '../options/request-option.js';
import { addFlags } from '../options/flag-option.js';
import { addServerFlags } from '../options/server.js';
import { describeUnanswered } from '../../words/describe-unanswered.js';
import { formatCount } from '../../words/format.js';
import { openPageFile } from '../output/page-file.js';
import { printReport } from '../output/print-report.js';
import type { Printer } from '../output/printer.js';
import { callServer } from '../session/call-server.js';

const REPORT: RequestType<GetStudyReportRequest> = {
  typeName: 'prunecast.v1.GetStudyReportRequest',
  codec: GetStudyReportRequest,
};

const FORM_FLAGS: readonly RequestFlag[] = [
  {
    flags: '--html <FILE>',
    proposes: { from: 'files' },
    summary: 'write one self-contained page with charts',
    field: 'format',
    parse: () => 'REPORT_FORMAT_HTML',
    showsNoDefault: true,
  },
  {
    flags: '--markdown',
    summary: 'print Markdown',
    field: 'format',
    value: 'REPORT_FORMAT_MARKDOWN',
    showsNoDefault: true,
  },
];

interface Flags {
  readonly html?: readonly { readonly text: string }[];
  readonly markdown?: boolean;
  readonly overwrite?: boolean;
}

/** `prunecast report`: what a study found, to read, to show, and to repeat. */
export function addReportCommand(program: Command): void {
  const command = program
    .command('report')
    .addArgument(new RequestArgument('<STUDY>', 'study_id'))
    .description('report what a study found: on the terminal, as a page with charts, or as Markdown');
  addRequestFlags(command, REPORT, 'Form', FORM_FLAGS);
  addFlags(command, { flags: '--overwrite', summary: 'replace the file of --html if it exists' });
  addServerFlags(command).action(async (_: string, { html, markdown = false, overwrite = false }: Flags) => {
    const path = html?.at(-1)?.text;
    if (path !== undefined && markdown) throw new InvalidArgumentError('give --html or --markdown, not both.');
    const file = path === undefined ? undefined : openPageFile('--html', path, { overwrite });
    await callServer(command, REPORT, async ({ client, request, printer }) => {
      const { overview, document } = await client.services.studies.getStudyReport(request);
      file?.write(document);
      if (overview === undefined) return;
      if (printer.format === 'json')
        return printer.message({
          typeName: 'prunecast.v1.StudyOverview',
          codec: OverviewMessage,
          message: overview,
        });
      if (file !== undefined) printer.lines({ verbatim: `wrote ${file.path}` });
      else if (request.format === ReportFormat.MARKDOWN) printer.lines({ verbatim: document.trimEnd() });
      else printOverview(overview, printer);
    });
  });
}

function printOverview({ study, commands }: StudyOverview, printer: Printer): void {
  if (study === undefined) return;
  const { id, model, state, trials, tokensSpent, report } = study;
  if (report === undefined)
    printer.lines(
      `study ${id} of ${model}: ${formatCount(tokensSpent)} tokens run`,
      describeUnanswered({ state, trials }),
    );
  else printReport(report, report.output === '' ? undefined : report.output, printer);
  if (commands.length > 0) printer.lines('', 'to repeat it:', ...commands.map((verbatim) => ({ verbatim })));
}
