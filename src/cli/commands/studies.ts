import type { Command } from 'commander';
import { JobState, type StudySummary } from '../../client/index.js';
import {
  DeleteStudyRequest,
  GetStudyRequest,
  ListStudiesRequest,
  Study as StudyMessage,
  StudySummary as StudySummaryMessage,
} from '../../gen/prunecast/v1/study.js';
import { RequestArgument, type RequestType } from '../options/request-option.js';
import { formatTime } from '../output/format-time.js';
import { addServerFlags } from '../options/server.js';
import { formatCount, formatEnum } from '../../words/format.js';
import { printReport } from '../output/print-report.js';
import { callServer } from '../session/call-server.js';

const LIST: RequestType<ListStudiesRequest> = {
  typeName: 'prunecast.v1.ListStudiesRequest',
  codec: ListStudiesRequest,
};
const GET: RequestType<GetStudyRequest> = { typeName: 'prunecast.v1.GetStudyRequest', codec: GetStudyRequest };
const DELETE: RequestType<DeleteStudyRequest> = {
  typeName: 'prunecast.v1.DeleteStudyRequest',
  codec: DeleteStudyRequest,
};

/** `prunecast studies`: what searches, samples and imports of pairs left on a server. */
export function addStudiesCommand(program: Command): void {
  const studies = program.command('studies').description('list, get and delete studies');
  addList(studies);
  addGet(studies);
  addDelete(studies);
}

function addList(studies: Command): void {
  const command = studies.command('list').description('list studies, newest first');
  addServerFlags(command).action(() =>
    callServer(command, LIST, async ({ client, request, printer }) => {
      const listed: StudySummary[] = [];
      let pageToken = '';
      do {
        const page = await client.services.studies.listStudies({ ...request, pageToken });
        listed.push(...page.studies);
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      if (printer.format === 'json')
        for (const message of listed)
          printer.message({ typeName: 'prunecast.v1.StudySummary', codec: StudySummaryMessage, message });
      printer.table(
        ['study', 'state', 'model', 'trials', { title: 'created', optional: true }, { title: 'job', optional: true }],
        listed.map(({ id, state, model, trials, createTime, jobId }) => [
          id,
          formatEnum(JobState, state),
          model,
          formatCount(trials),
          formatTime(createTime),
          jobId,
        ]),
      );
    }),
  );
}

function addGet(studies: Command): void {
  const command = studies
    .command('get')
    .addArgument(new RequestArgument('<STUDY>', 'study_id'))
    .description('show one study, with its report if it has ended well');
  addServerFlags(command).action(() =>
    callServer(command, GET, async ({ client, request, printer }) => {
      const { study: message } = await client.services.studies.getStudy(request);
      if (message === undefined) return;
      if (printer.format === 'json')
        return printer.message({ typeName: 'prunecast.v1.Study', codec: StudyMessage, message });
      const { id, state, model, trials, tokensSpent, report } = message;
      printer.lines(
        `study ${id} of ${model}: ${formatEnum(JobState, state)}, ${formatCount(trials)} trials, ${formatCount(tokensSpent)} tokens run`,
      );
      if (report !== undefined) printReport(report, report.output === '' ? undefined : report.output, printer);
    }),
  );
}

function addDelete(studies: Command): void {
  const command = studies
    .command('delete')
    .addArgument(new RequestArgument('<STUDY>', 'study_id'))
    .description('delete a study with its trials and pairs; its predictors, output and labels stay');
  addServerFlags(command).action(() =>
    callServer(command, DELETE, async ({ client, request, printer }) => {
      await client.services.studies.deleteStudy(request);
      printer.lines(`deleted study ${request.studyId}`);
    }),
  );
}
