import { InvalidArgumentError, type Command } from 'commander';
import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { BudgetKind, type OutputSummary } from '../../client/index.js';
import {
  DownloadOutputRequest,
  ListOutputsRequest,
  OutputSummary as OutputSummaryMessage,
} from '../../gen/prunecast/v1/file.js';
import { addRequestFlags, RequestArgument, type RequestType } from '../options/request-option.js';
import { FlagOption } from '../options/flag-option.js';
import { formatTime } from '../output/format-time.js';
import { addServerFlags } from '../options/server.js';
import { formatBytes, formatCount, formatEnum, formatMetric, formatShare } from '../../words/format.js';
import { formatCost } from '../../words/format-cost.js';
import { describeBusy } from '../session/watch-job.js';
import { callServer } from '../session/call-server.js';

const LIST: RequestType<ListOutputsRequest> = {
  typeName: 'prunecast.v1.ListOutputsRequest',
  codec: ListOutputsRequest,
};
const DOWNLOAD: RequestType<DownloadOutputRequest> = {
  typeName: 'prunecast.v1.DownloadOutputRequest',
  codec: DownloadOutputRequest,
};

/** `prunecast outputs`: what a server has written. */
export function addOutputsCommand(program: Command): void {
  const outputs = program.command('outputs').description('list and download written models');
  addList(outputs);
  addDownload(outputs);
}

function addList(outputs: Command): void {
  const command = outputs
    .command('list')
    .description("list the outputs under the server's output root, or under this folder");
  addRequestFlags(command, LIST, 'Filter', [
    { flags: '--folder <DIR>', summary: 'only those in this folder', field: 'folder', place: 'output' },
  ]);
  addServerFlags(command).action(() =>
    callServer(command, LIST, async ({ client, request, printer, serverStays, places }) => {
      // All folders may be outputs of a server that this command starts: too many to look at.
      const folder = request.folder === '' && !serverStays ? places.toOutput('.') : request.folder;
      const listed: OutputSummary[] = [];
      let [pageToken, isCut] = ['', false];
      do {
        const page = await client.services.files.listOutputs({ ...request, folder, pageToken });
        listed.push(...page.outputs);
        pageToken = page.nextPageToken;
        isCut ||= page.truncated;
      } while (pageToken !== '');
      if (printer.format === 'json')
        for (const message of listed)
          printer.message({ typeName: 'prunecast.v1.OutputSummary', codec: OutputSummaryMessage, message });
      printer.table(
        [
          'output',
          'model',
          'parameters',
          'removed',
          'bytes',
          { title: 'metrics', optional: true },
          { title: 'written', optional: true },
          { title: 'job', optional: true },
          { title: 'study', optional: true },
          { title: 'costs', optional: true },
          { title: 'fault', optional: true },
        ],
        listed.map(describeOutput),
      );
      if (isCut) printer.note('not all folders were looked at: name one with --folder');
    }),
  );
}

function describeOutput(summary: OutputSummary): string[] {
  const { output, model, parameters, denseParameters, bytes, createTime, jobId, studyId, metrics, fault } = summary;
  if (fault !== '') return [output, ...Array.from({ length: 9 }, () => ''), fault];
  return [
    output,
    model,
    ...(parameters === 0n
      ? ['', '']
      : [formatCount(parameters), formatShare(1 - Number(parameters) / Number(denseParameters))]),
    formatBytes(bytes),
    Object.entries(metrics)
      .map(([metric, value]) => `${metric} ${formatMetric(value)}`)
      .join(', '),
    formatTime(createTime),
    jobId,
    studyId,
    summary.costs
      .filter(({ kind }) => kind !== BudgetKind.PARAMETERS) // they have a column of their own
      .map(({ kind, value }) => `${formatEnum(BudgetKind, kind)} ${formatCost(kind, value)}`)
      .join(', '),
    '',
  ];
}

function addDownload(outputs: Command): void {
  const command = outputs
    .command('download')
    .addArgument(new RequestArgument('<OUTPUT>', 'output'))
    .description('copy an output from the server to a folder here; one that broke off is gone on with');
  addServerFlags(command)
    .addOption(
      new FlagOption({
        flags: '--to <DIR>',
        summary: 'the folder to make; default: one of the name of the output',
        proposes: { from: 'folders' },
      }),
    )
    .action(async (_, { to }: { readonly to?: string }) => {
      await callServer(command, DOWNLOAD, async ({ client, request, printer, places, serverEnded }) => {
        const folder = resolve(to ?? basename(request.output));
        if (existsSync(folder)) throw new InvalidArgumentError(`${folder} exists: name another folder with --to.`);
        let isLost = false;
        const show = printer.transfer('downloading');
        const { files, bytes, keptBytes } = await client
          .download(places.toOutput(request.output), folder, {
            signal: serverEnded,
            onProgress: (progress) => {
              if (isLost) printer.note('the server is back');
              isLost = false;
              show(progress);
            },
            onLost: ({ error, delayMs }) => {
              if (error.code === 'RESOURCE_EXHAUSTED') return printer.note(describeBusy(error, delayMs));
              if (!isLost) printer.note('lost the server; trying again, Ctrl-C ends that');
              isLost = true;
            },
          })
          .finally(printer.endProgress);
        if (printer.format === 'json') printer.json({ folder, files, bytes, kept_bytes: keptBytes });
        const kept = keptBytes === 0 ? '' : `; ${formatBytes(keptBytes)} of it were here already`;
        printer.lines(`${folder}: ${files} files, ${formatBytes(bytes)}${kept}`);
      });
    });
}
