import type { Command } from 'commander';
import {
  CallError,
  JobKind,
  JobState,
  type DimensionRange,
  type Job,
  type PrunecastClient,
} from '../../client/index.js';
import { Job as JobMessage } from '../../gen/prunecast/v1/job.js';
import { addServerFlags, type ServerFlags } from '../flags/server.js';
import { collect, parseChoice, parseCount, parseRange } from '../flags/values.js';
import { formatEnum } from '../output/format.js';
import { formatProgress } from '../output/progress.js';
import { printReport } from '../output/print-report.js';
import { createPrinter, type Printer } from '../output/printer.js';
import { useServer, type Session } from '../session/use-server.js';
import { watchJob } from '../session/watch-job.js';

interface ListFlags extends ServerFlags {
  readonly kind?: JobKind;
  readonly state?: JobState;
  readonly limit: number;
}

interface ResumeFlags extends ServerFlags {
  readonly range?: readonly DimensionRange[];
  readonly model?: string;
  readonly text?: readonly string[];
  readonly output?: string;
}

/** `prunecast jobs`: the jobs of a server. */
export function addJobsCommand(program: Command): void {
  const jobs = program.command('jobs').description('list, watch and end the jobs of a server');
  addServerFlags(jobs.command('list').description('jobs, newest first'))
    .option('--kind <KIND>', `only this kind: ${Object.keys(KINDS).join(', ')}`, parseChoice(KINDS))
    .option('--state <STATE>', `only this state: ${Object.keys(STATES).join(', ')}`, parseChoice(STATES))
    .option('--limit <COUNT>', 'at most so many', parseCount, 100)
    .action(async (flags: ListFlags) => {
      const printer = createPrinter(flags);
      await useServer(flags, {}, async ({ client }) => {
        const listed = await listJobs(client, flags);
        if (printer.format === 'json') for (const job of listed) printJob(job, printer);
        printer.table(['job', 'kind', 'state', 'created', 'progress'], listed.map(describeJob));
      });
    });

  addJobAction(
    jobs,
    'get',
    'show one job',
    async ({ client, jobId }) => (await client.services.jobs.getJob({ jobId })).job,
  );
  addJobAction(
    jobs,
    'cancel',
    'ask a job to stop; it keeps what was paid',
    async ({ client, jobId }) => (await client.services.jobs.cancelJob({ jobId })).job,
  );
  addJobAction(jobs, 'delete', 'forget an ended job and its events', async ({ client, jobId, printer }) => {
    await client.services.jobs.deleteJob({ jobId });
    printer.lines(`deleted job ${jobId}`);
    return undefined;
  });

  addServerFlags(jobs.command('watch <JOB>').description("show a job's events until it ends; Ctrl-C leaves it running"))
    .option('--after <SEQUENCE>', 'only events after this number', parseCount, 0)
    .action(async (jobId: string, flags: ServerFlags & { readonly after: number }) => {
      const printer = createPrinter(flags);
      await useServer(flags, {}, async (session) => {
        await watchToEnd(session, { jobId, after: BigInt(flags.after), printer });
      });
    });

  addServerFlags(
    jobs
      .command('resume <JOB>')
      .description('go on with a paused or interrupted job; without --address, watch it to its end'),
  )
    .option(
      '--range <DIMENSION=MIN..MAX>',
      'before the refinement: rates of a dimension in place of those proposed, as layers.0.ffn_channels=0.1..0.4; repeat for several',
      collect(parseRange),
    )
    .option('--model <FOLDER>', 'without --address: the model, as the job was given it')
    .option(
      '--text <FILE>',
      'without --address: a text, as the job was given it; repeat for several',
      collect((file) => file),
    )
    .option('--output <FOLDER>', 'without --address: the output, as the job was given it')
    .action(async (jobId: string, flags: ResumeFlags) => {
      const printer = createPrinter(flags);
      const paths = {
        ...(flags.model !== undefined && { model: flags.model }),
        ...(flags.text !== undefined && { texts: flags.text }),
        ...(flags.output !== undefined && { output: flags.output }),
      };
      await useServer(flags, paths, async (session) => {
        const { job } = await session.client.services.jobs.resumeJob({ jobId, ranges: [...(flags.range ?? [])] });
        // A server of this call's own ends with it.
        if (session.serverEnded !== undefined)
          await watchToEnd(session, { jobId, after: job?.lastSequence ?? 0n, printer });
        else if (job !== undefined) printJob(job, printer);
      });
    });
}

async function watchToEnd(
  session: Session,
  { jobId, after, printer }: { readonly jobId: string; readonly after: bigint; readonly printer: Printer },
): Promise<void> {
  const ended = await watchJob((options) => session.client.followJob(jobId, { ...options, afterSequence: after }), {
    session,
    printer,
    onInterrupt: 'leave',
  });
  if (ended?.result?.$case === 'search') printReport(ended.result.value, undefined, printer);
  else if (ended !== undefined) printer.lines(`job ${jobId}: succeeded`);
}

interface JobAction {
  readonly client: PrunecastClient;
  readonly jobId: string;
  readonly printer: Printer;
}

function addJobAction(
  jobs: Command,
  name: string,
  summary: string,
  act: (action: JobAction) => Promise<Job | undefined>,
): void {
  addServerFlags(jobs.command(`${name} <JOB>`).description(summary)).action(
    async (jobId: string, flags: ServerFlags) => {
      const printer = createPrinter(flags);
      await useServer(flags, {}, async ({ client }) => {
        const job = await act({ client, jobId, printer });
        if (job !== undefined) printJob(job, printer);
      });
    },
  );
}

async function listJobs(
  client: PrunecastClient,
  { kind = JobKind.UNSPECIFIED, state = JobState.UNSPECIFIED, limit }: ListFlags,
): Promise<Job[]> {
  const listed: Job[] = [];
  for (let pageToken = ''; listed.length < limit; ) {
    const page = await client.services.jobs.listJobs({ kind, state, pageToken });
    listed.push(...page.jobs.slice(0, limit - listed.length));
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  return listed;
}

function printJob(job: Job, printer: Printer): void {
  if (printer.format === 'json')
    return printer.message({ typeName: 'prunecast.v1.Job', codec: JobMessage, message: job });
  const [, kind = '', state = '', created = '', progress = ''] = describeJob(job);
  printer.lines(
    `job ${job.id}: ${kind}, ${state}`,
    `created ${created}, ${job.lastSequence} events`,
    ...(job.queuePlace > 0 ? [`place ${job.queuePlace} in the queue`] : []),
    ...(progress === '' ? [] : [progress]),
    ...(job.studyId === '' ? [] : [`study ${job.studyId}`]),
    ...(job.error === undefined ? [] : [`${CallError.fromStatus(job.error).reason}: ${job.error.message}`]),
  );
}

function describeJob(job: Job): string[] {
  const created =
    job.createTime === undefined
      ? ''
      : new Date(Number(job.createTime.seconds) * 1000).toISOString().replace('.000', '');
  return [
    job.id,
    formatEnum(JobKind, job.kind),
    formatEnum(JobState, job.state),
    created,
    job.progress === undefined ? '' : formatProgress(job.progress),
  ];
}

const KINDS = {
  prune: JobKind.PRUNE,
  evaluate: JobKind.EVALUATE,
  search: JobKind.SEARCH,
  'sample-pairs': JobKind.SAMPLE_PAIRS,
  'fit-predictor': JobKind.FIT_PREDICTOR,
} as const;

const STATES = {
  queued: JobState.QUEUED,
  running: JobState.RUNNING,
  paused: JobState.PAUSED,
  succeeded: JobState.SUCCEEDED,
  failed: JobState.FAILED,
  cancelled: JobState.CANCELLED,
} as const;
