import type { Command } from 'commander';
import { CallError, JobKind, JobState, type Job } from '../../client/index.js';
import {
  CancelJobRequest,
  DeleteJobRequest,
  GetJobRequest,
  Job as JobMessage,
  ListJobsRequest,
  ResumeJobRequest,
  WatchJobRequest,
} from '../../gen/prunecast/v1/job.js';
import { labelFlag } from '../../flags/paths.js';
import type { RequestFlag } from '../../flags/request-flag.js';
import { addRequestFlags, RequestArgument, type RequestType } from '../options/request-option.js';
import { formatTime } from '../output/format-time.js';
import { addServerFlags } from '../options/server.js';
import { enumForm } from '../../flags/enum-form.js';
import { parseCount, parseRange } from '../../flags/values.js';
import { formatEnum } from '../../words/format.js';
import { describeProgress } from '../output/describe-progress.js';
import { printReport } from '../output/print-report.js';
import type { Printer } from '../output/printer.js';
import { adviseResume } from '../session/resume-command.js';
import { callServer, type Call } from '../session/call-server.js';
import { watchJob } from '../session/watch-job.js';

const LIST: RequestType<ListJobsRequest> = { typeName: 'prunecast.v1.ListJobsRequest', codec: ListJobsRequest };
const GET: RequestType<GetJobRequest> = { typeName: 'prunecast.v1.GetJobRequest', codec: GetJobRequest };
const CANCEL: RequestType<CancelJobRequest> = { typeName: 'prunecast.v1.CancelJobRequest', codec: CancelJobRequest };
const DELETE: RequestType<DeleteJobRequest> = { typeName: 'prunecast.v1.DeleteJobRequest', codec: DeleteJobRequest };
const WATCH: RequestType<WatchJobRequest> = { typeName: 'prunecast.v1.WatchJobRequest', codec: WatchJobRequest };
const RESUME: RequestType<ResumeJobRequest> = { typeName: 'prunecast.v1.ResumeJobRequest', codec: ResumeJobRequest };

const KINDS = ['prune', 'evaluate', 'search', 'sample-pairs', 'fit-predictor'] as const;
const STATES = ['queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled'] as const;

const LIST_FLAGS: readonly RequestFlag[] = [
  {
    flags: '--kind <KIND>',
    summary: `only this kind: ${KINDS.join(', ')}`,
    field: 'kind',
    ...enumForm('JOB_KIND', KINDS),
  },
  {
    flags: '--state <STATE>',
    summary: `only this state: ${STATES.join(', ')}`,
    field: 'state',
    ...enumForm('JOB_STATE', STATES),
  },
  labelFlag('only jobs with this label; with several, those that have all'),
  { flags: '--limit <COUNT>', summary: 'at most this many', field: 'page_size', parse: parseCount },
];

/** `prunecast jobs`: the jobs of a server. */
export function addJobsCommand(program: Command): void {
  const jobs = program.command('jobs').description('list, watch, resume and end the jobs of a server');
  addList(jobs);
  addJobAction(jobs, 'get', 'show one job', GET, async ({ client, request, printer }) => {
    printJob((await client.services.jobs.getJob(request)).job, printer);
  });
  addJobAction(jobs, 'cancel', 'ask a job to stop; what it has measured is kept', CANCEL, async (call) => {
    printJob((await call.client.services.jobs.cancelJob(call.request)).job, call.printer);
  });
  addJobAction(jobs, 'delete', 'delete an ended job and its events', DELETE, async ({ client, request, printer }) => {
    await client.services.jobs.deleteJob(request);
    printer.lines(`deleted job ${request.jobId}`);
  });
  addWatch(jobs);
  addResume(jobs);
}

function addList(jobs: Command): void {
  const command = jobs.command('list').description('list jobs, newest first');
  addRequestFlags(command, LIST, 'Filter', LIST_FLAGS);
  addServerFlags(command).action(() =>
    callServer(command, LIST, async ({ client, request, printer, suggest }) => {
      const { jobs: listed, nextPageToken } = await client.services.jobs.listJobs(request);
      if (printer.format === 'json') for (const job of listed) printJob(job, printer);
      printer.table(
        ['job', 'kind', 'state', { title: 'created', optional: true }, { title: 'progress', optional: true }],
        listed.map(describeJob),
      );
      if (nextPageToken !== '') printer.note(`older jobs are not listed: raise --limit to see more`);
      const paused = listed.find(({ state, error }) => state === JobState.PAUSED && error === undefined);
      if (paused !== undefined) suggest({ why: 'to go on with a paused job', words: ['jobs', 'resume', paused.id] });
    }),
  );
}

function addWatch(jobs: Command): void {
  const command = jobs
    .command('watch')
    .addArgument(new RequestArgument('<JOB>', 'job_id'))
    .description("show a job's events until it ends; Ctrl-C leaves it running");
  addRequestFlags(command, WATCH, 'Events', [
    {
      flags: '--after <SEQUENCE>',
      summary: 'only events after this number',
      field: 'after_sequence',
      parse: parseCount,
    },
  ]);
  addServerFlags(command).action(() =>
    callServer(command, WATCH, (call) => watchToEnd(call, call.request.jobId, call.request.afterSequence)),
  );
}

function addResume(jobs: Command): void {
  const command = jobs
    .command('resume')
    .addArgument(new RequestArgument('<JOB>', 'job_id'))
    .description('resume a paused or interrupted job; unless its server stays, watch it to its end');
  addRequestFlags(command, RESUME, 'Ranges', [
    {
      flags: '--range <DIMENSION=MIN..MAX>',
      summary:
        'for a study paused before refine: rates of a dimension instead of those proposed, as layers.0.ffn_channels=0.1..0.4',
      field: 'ranges[]',
      repeats: true,
      parse: parseRange,
    },
  ]);
  addServerFlags(command).action(() =>
    callServer(command, RESUME, async (call) => {
      const { job } = await call.client.services.jobs.resumeJob(call.request).catch((error: unknown) => {
        throw call.serverStays ? error : adviseResume(error);
      });
      // Its server ends with the commands that use it, so the job must end before.
      if (!call.serverStays) await watchToEnd(call, call.request.jobId, job?.lastSequence ?? 0n);
      else printJob(job, call.printer);
    }),
  );
}

function addJobAction<Request>(
  jobs: Command,
  name: string,
  summary: string,
  type: RequestType<Request>,
  act: (call: Call<Request>) => Promise<void>,
): void {
  const command = jobs.command(name).addArgument(new RequestArgument('<JOB>', 'job_id')).description(summary);
  addServerFlags(command).action(() => callServer(command, type, act));
}

async function watchToEnd(call: Call<unknown>, jobId: string, afterSequence: bigint): Promise<void> {
  const { client, printer, paths } = call;
  const ended = await watchJob((options) => client.followJob(jobId, { ...options, afterSequence }), call, {
    onInterrupt: 'leave',
  });
  if (ended?.result?.$case === 'search') printReport(ended.result.value, paths.output, printer);
  else if (ended !== undefined) printer.lines(`job ${jobId}: succeeded`);
}

function printJob(job: Job | undefined, printer: Printer): void {
  if (job === undefined) return;
  if (printer.format === 'json')
    return printer.message({ typeName: 'prunecast.v1.Job', codec: JobMessage, message: job });
  const [, kind = '', state = '', created = '', progress = ''] = describeJob(job);
  printer.lines(
    `job ${job.id}: ${kind}, ${state}`,
    `created ${created}, ${job.lastSequence} events`,
    ...(job.queuePlace > 0 ? [`place ${job.queuePlace} in the queue`] : []),
    ...(progress === '' ? [] : [progress]),
    ...(Object.keys(job.labels).length === 0 ? [] : [`labels ${writeLabels(job.labels)}`]),
    ...(job.studyId === '' ? [] : [`study ${job.studyId}`]),
    ...(job.error === undefined ? [] : [`${CallError.fromStatus(job.error).reason}: ${job.error.message}`]),
  );
}

function describeJob(job: Job): string[] {
  return [job.id, formatEnum(JobKind, job.kind), describeState(job), formatTime(job.createTime), describeProgress(job)];
}

function describeState({ state, error }: Job): string {
  const name = formatEnum(JobState, state);
  return state === JobState.PAUSED && error !== undefined ? `${name} (${CallError.fromStatus(error).reason})` : name;
}

function writeLabels(labels: Job['labels']): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}
