import { randomUUID } from 'node:crypto';
import type { DeepPartial } from '../gen/prunecast/v1/common.js';
import type { Upload } from '../gen/prunecast/v1/file.js';
import type { EvaluationResult, Job, JobEvent, PruneResult, SamplePairsResult } from '../gen/prunecast/v1/job.js';
import type { SamplePairsRequest } from '../gen/prunecast/v1/pair.js';
import type { FitPredictorRequest } from '../gen/prunecast/v1/predictor.js';
import type { Predictor } from '../gen/prunecast/v1/predictor_types.js';
import type {
  EvaluateRequest,
  Plan,
  PredictRequest,
  PredictResponse,
  PruneRequest,
  SearchRequest,
} from '../gen/prunecast/v1/pruning.js';
import type { StudyReport } from '../gen/prunecast/v1/study_types.js';
import { CallError } from './call-error.js';
import { download, type Downloaded, type DownloadOptions } from './download.js';
import { followEvents, type FollowOptions } from './follow-events.js';
import { METHODS } from './methods.js';
import type { RetryPolicy } from './retry-policy.js';
import type { TransportOptions } from './secure-channel.js';
import { createService, type Service } from './service.js';
import { listUpload, upload, type UploadOptions, type UploadSource } from './upload.js';
import { createTransport, type CallOptions, type Transport } from './transport.js';

type Methods = typeof METHODS;
type Events = AsyncGenerator<JobEvent, void, undefined>;

export interface ClientOptions extends TransportOptions {
  /**
   * When a call that failed is made again: reads, and starts of jobs, which carry a request id; `false` for never.
   * Streams of events and downloads are taken up again as `reattach` of the call says.
   */
  readonly retry?: Partial<RetryPolicy> | false;
}

/** What the methods that wait for a job's end take. */
export interface RunOptions extends FollowOptions {
  /** Sees each event as it comes, the terminal one included. Awaited, so that a slow reader slows the stream. */
  readonly onEvent?: (event: JobEvent) => void | Promise<void>;
}

/**
 * A connection to one server. Requests are partial; errors are `CallError`s.
 *
 * `services` has the methods as the proto has them. The others take care of jobs: they send a `request_id` if the caller
 * gave none, so that a start can be repeated safely, and resume a lost stream after its last event (`followEvents`).
 */
export interface PrunecastClient {
  readonly services: { readonly [Name in keyof Methods]: Service<Methods[Name]> };
  /**
   * Events of a new job, or of that with the same `requestId`, up to the terminal one; throws the job's own error after
   * it.
   */
  prune(request: DeepPartial<PruneRequest>, options?: FollowOptions): Events;
  evaluate(request: DeepPartial<EvaluateRequest>, options?: FollowOptions): Events;
  search(request: DeepPartial<SearchRequest>, options?: FollowOptions): Events;
  /** Events of a job after a number (default 0: all); throws the job's own error after the terminal one. */
  followJob(jobId: string, options?: FollowOptions & { readonly afterSequence?: bigint }): Events;
  /** What the job would do; starts nothing. */
  planPrune(request: DeepPartial<PruneRequest>, options?: CallOptions): Promise<Plan>;
  planEvaluate(request: DeepPartial<EvaluateRequest>, options?: CallOptions): Promise<Plan>;
  planSearch(request: DeepPartial<SearchRequest>, options?: CallOptions): Promise<Plan>;
  /** Waits for the written model. */
  runPrune(request: DeepPartial<PruneRequest>, options?: RunOptions): Promise<PruneResult>;
  /** Waits for all results, in the order of the request's targets. */
  runEvaluate(request: DeepPartial<EvaluateRequest>, options?: RunOptions): Promise<EvaluationResult[]>;
  /** Waits for the report of the study. */
  runSearch(request: DeepPartial<SearchRequest>, options?: RunOptions): Promise<StudyReport>;
  /** Waits for the fitted predictor. */
  runFitPredictor(request: DeepPartial<FitPredictorRequest>, options?: RunOptions): Promise<Predictor>;
  /** Waits for the labelled pairs. */
  runSamplePairs(request: DeepPartial<SamplePairsRequest>, options?: RunOptions): Promise<SamplePairsResult>;
  predict(request: DeepPartial<PredictRequest>, options?: CallOptions): Promise<PredictResponse>;
  /**
   * Stores a file or a folder of this machine at the server; requests name it by the `path` of what is returned. The same
   * is stored once. A path, or what `listUpload` tells of one.
   */
  upload(source: string | UploadSource, options?: UploadOptions): Promise<Upload>;
  /**
   * Brings an output into a folder that does not exist yet, across lost connections: whole, or not at all. A download
   * that fails is gone on with by the next one into the same folder.
   */
  download(output: string, folder: string, options?: DownloadOptions): Promise<Downloaded>;
  /** Any method by its path, messages as bytes. */
  readonly exchange: Transport['exchange'];
  /** Waits until the server takes the connection. Throws CallError UNAVAILABLE as soon as nobody takes it. */
  readonly connect: Transport['connect'];
  /** Ends the connection. */
  close(): void;
}

/**
 * A client of the server at an address. Connects with the first call; `close` it when done.
 *
 * @throws CallError INVALID_ARGUMENT for what is no address, and for what does not go together: a token and a connection
 * that others can read
 */
export function createClient(options: ClientOptions): PrunecastClient {
  const transport = createTransport(options);
  const breaksWithServer = options.address.startsWith('unix:');
  const services = {
    pruning: createService(transport, METHODS.pruning, options.retry),
    jobs: createService(transport, METHODS.jobs, options.retry),
    studies: createService(transport, METHODS.studies, options.retry),
    pairs: createService(transport, METHODS.pairs, options.retry),
    predictors: createService(transport, METHODS.predictors, options.retry),
    models: createService(transport, METHODS.models, options.retry),
    files: createService(transport, METHODS.files, options.retry),
    catalog: createService(transport, METHODS.catalog, options.retry),
    admin: createService(transport, METHODS.admin, options.retry),
  };
  const watch = (jobId: string, afterSequence: bigint, call: CallOptions) =>
    unwrapEvents(services.jobs.watchJob({ jobId, afterSequence }, call));

  function startJob<Request extends { requestId?: string }>(
    start: (request: Request, call: CallOptions) => AsyncIterable<JobResponse>,
    request: Request,
    options?: FollowOptions,
  ): Events {
    const named = { ...request, requestId: request.requestId || randomUUID() };
    return followEvents({ start: (call) => unwrapEvents(start(named, call)), watch, breaksWithServer }, options);
  }

  const { pruning } = services;
  const prune: PrunecastClient['prune'] = (request, options) => startJob(pruning.prune, request, options);
  const evaluate: PrunecastClient['evaluate'] = (request, options) => startJob(pruning.evaluate, request, options);
  const search: PrunecastClient['search'] = (request, options) => startJob(pruning.search, request, options);
  const followJob: PrunecastClient['followJob'] = (jobId, { afterSequence = 0n, ...options } = {}) =>
    followEvents({ watch, jobId, afterSequence, breaksWithServer }, options);

  return {
    services,
    prune,
    evaluate,
    search,
    followJob,
    planPrune: async (request, options) => requirePlan(await pruning.planPrune(request, options)),
    planEvaluate: async (request, options) => requirePlan(await pruning.planEvaluate(request, options)),
    planSearch: async (request, options) => requirePlan(await pruning.planSearch(request, options)),
    runPrune: (request, options) => takeResult(prune(request, options), 'prune', options),
    runSearch: (request, options) => takeResult(search(request, options), 'search', options),
    async runEvaluate(request, options) {
      const evaluations: EvaluationResult[] = [];
      await takeResult(evaluate(request, options), 'evaluate', {
        onEvent(event) {
          if (event.payload?.$case === 'evaluation') evaluations.push(event.payload.value);
          return options?.onEvent?.(event);
        },
      });
      return evaluations.sort((a, b) => a.index - b.index);
    },
    async runFitPredictor(request, options) {
      const left = startTimeout(options);
      const { job } = await services.predictors.fitPredictor(
        { ...request, requestId: request.requestId || randomUUID() },
        left(),
      );
      return takeResult(followJob(requireJob(job).id, left()), 'predictor', options);
    },
    async runSamplePairs(request, options) {
      const left = startTimeout(options);
      const { job } = await services.pairs.samplePairs(
        { search: { ...request.search, requestId: request.search?.requestId || randomUUID() } },
        left(),
      );
      return takeResult(followJob(requireJob(job).id, left()), 'samplePairs', options);
    },
    predict: pruning.predict,
    upload: async (source, options) =>
      upload(services.files, typeof source === 'string' ? await listUpload(source) : source, options),
    download: (output, folder, options) =>
      download({ files: services.files, breaksWithServer }, { output, folder }, options),
    exchange: transport.exchange,
    connect: transport.connect,
    close: transport.close,
  };
}

/** The options of each of several calls that have the timeout of one. */
function startTimeout(options: RunOptions = {}): () => RunOptions {
  const { timeoutMs } = options;
  if (timeoutMs === undefined) return () => options;
  const deadline = Date.now() + timeoutMs;
  return () => ({ ...options, timeoutMs: deadline - Date.now() });
}

type JobResponse = { readonly event: JobEvent | undefined };
type EndResult = NonNullable<Extract<NonNullable<JobEvent['payload']>, { $case: 'ended' }>['value']['result']>;
type ResultOf<Case extends EndResult['$case']> = Extract<EndResult, { $case: Case }>['value'];

async function* unwrapEvents(responses: AsyncIterable<JobResponse>): Events {
  for await (const { event } of responses) if (event !== undefined) yield event;
}

function requirePlan({ plan }: { readonly plan: Plan | undefined }): Plan {
  if (plan === undefined) throw new CallError('the server sent no plan', { code: 'INTERNAL' });
  return plan;
}

async function takeResult<Case extends EndResult['$case']>(
  events: Events,
  wanted: Case,
  options: Pick<RunOptions, 'onEvent'> = {},
): Promise<ResultOf<Case>> {
  let result: EndResult | undefined;
  for await (const event of events) {
    await options.onEvent?.(event);
    if (event.payload?.$case === 'ended') ({ result } = event.payload.value);
  }
  if (result?.$case === wanted) return result.value as ResultOf<Case>;
  throw new CallError(
    `the job ended with ${result === undefined ? 'no result' : `a result of ${result.$case}`} where one of ${wanted} was due`,
    { code: 'INTERNAL' },
  );
}

function requireJob(job: Job | undefined): Job {
  if (job === undefined) throw new CallError('the server sent no job', { code: 'INTERNAL' });
  return job;
}
