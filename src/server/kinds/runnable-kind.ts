import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Reason } from '../../core/errors/reasons.js';
import type { DimensionRange } from '../../gen/prunecast/v1/common.js';
import { type JobKind, ResumeJobRequest } from '../../gen/prunecast/v1/job.js';
import type { Plan } from '../../gen/prunecast/v1/pruning.js';
import { StudyPhase } from '../../gen/prunecast/v1/study_types.js';
import { orAborted } from '../../core/or-aborted.js';
import { digestRequest } from './request-digest.js';
import { readStored } from '../../core/errors/read-stored.js';
import type { Lane } from '../../core/ports/job-queue.js';
import type { JobOrigin } from '../../core/ports/job-store.js';
import type { StoreRecord } from '../../core/ports/store.js';
import type { Jobs, RestartableKind, RestartedJob } from '../jobs/jobs.js';
import { encodePayload } from '../records/job-records.js';
import type { PhasePlan } from '../jobs/phase-log.js';
import { toWork, type EmittedPayload, type JobContext, type JobOutcome, type PartContext } from './job-context.js';

/** A checked request: the work to be done, and its plan. */
export interface Prepared {
  /** The study that the job makes; omitted if it makes none. */
  readonly studyId?: string;
  /** What the request resolved to: a plain value that is stored with the job, and compared when it is resumed. */
  readonly plan: unknown;
  /** The phases of a job that begins, in order; one that is gone on with says more of them when it runs. */
  readonly phases: readonly PhasePlan[];
  /** The answer of a Plan RPC; omitted for kinds that have none. */
  readonly estimate?: () => Promise<Plan>;
  /** Throws if the request lacks what a start needs and a plan does not. */
  readonly requireStartable?: () => void;
  readonly run: (context: JobContext) => Promise<JobOutcome>;
}

/** What a ResumeJob changes, stored in the same transaction as the resuming. */
export interface ResumeStep {
  readonly payloads: readonly EmittedPayload[];
  readonly records: readonly StoreRecord[];
}

/** A kind of job: how its requests are decoded and prepared. */
export interface RunnableKind<Request> extends RestartableKind {
  readonly kind: JobKind;
  readonly codec: RequestCodec<Request>;
  readonly requestIdOf: (request: Request) => string;
  readonly labelsOf: (request: Request) => Readonly<Record<string, string>>;
  readonly findLane: (request: Request) => Lane;
  /** Checks a request; throws the reason for refusing it, or the signal's reason. */
  readonly prepare: (request: Request, context: PartContext) => Promise<Prepared>;
}

/** The generated codec of a request. */
export interface RequestCodec<Request> {
  encode(request: Request): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Request;
  toJSON(request: Request): unknown;
}

/**
 * @param spec.findLane where a job of the request waits; by default with those that need a model
 * @param spec.prepare checks a request and returns its work; for a job that an earlier server left unfinished
 * (`restarted`), the rest of the work: what that server stored stands, and what it wrote is the job's own. If something
 * that it names is not here, the job pauses
 * @param spec.resume of a kind whose jobs wait for what ResumeJob brings; by default the request is checked again
 */
export function defineKind<Request>({
  kind,
  codec,
  requestIdOf,
  labelsOf = () => ({}),
  findLane = () => 'model',
  prepare,
  resume = async (request, job, ranges, signal) => {
    refuseRanges(ranges);
    await prepare(request, { signal, progress: () => undefined }, job);
    return { payloads: [], records: [] };
  },
}: {
  readonly kind: JobKind;
  readonly codec: RequestCodec<Request>;
  readonly requestIdOf: (request: Request) => string;
  readonly labelsOf?: (request: Request) => Readonly<Record<string, string>>;
  readonly findLane?: (request: Request) => Lane;
  readonly prepare: (request: Request, context: PartContext, restarted?: RestartedJob) => Promise<Prepared>;
  readonly resume?: (
    request: Request,
    job: RestartedJob,
    ranges: readonly DimensionRange[],
    signal: AbortSignal,
  ) => Promise<ResumeStep>;
}): RunnableKind<Request> {
  const read = (bytes: Uint8Array, { jobId }: RestartedJob): Request =>
    readStored(`the request of ${jobId}`, () => codec.decode(bytes));
  return {
    kind,
    codec,
    requestIdOf,
    labelsOf,
    findLane,
    laneOf: (bytes) => {
      try {
        return findLane(codec.decode(bytes));
      } catch {
        return 'model'; // `restart` says what is wrong with it
      }
    },
    prepare: (request, context) => prepare(request, context),
    restart: (bytes, job) =>
      toWork(async (context) => {
        let prepared: Prepared;
        try {
          prepared = await prepare(read(bytes, job), context, job);
        } catch (error) {
          if (!isMissingHere(error)) throw error;
          return { $case: 'paused', value: { before: StudyPhase.UNSPECIFIED, ranges: [], error: undefined } };
        }
        return runPrepared(prepared, context);
      }),
    resume: async (bytes, job, input, signal) => {
      const { ranges } = ResumeJobRequest.decode(input);
      const { payloads, records } = await resume(read(bytes, job), job, ranges, signal);
      return [...payloads.map(encodePayload), ...records];
    },
  };
}

/** The phases of a kind of job come from its own code alone. */
function runPrepared({ run, phases }: Pick<Prepared, 'run' | 'phases'>, context: JobContext): Promise<JobOutcome> {
  context.phases.declare(phases);
  return run(context);
}

/**
 * Whether a job needs what this server does not have: a server with other roots or plug-ins, or this one after a disk
 * is back, can resume it, so it waits. ResumeJob tells what is missing.
 */
function isMissingHere(error: unknown): boolean {
  return error instanceof PrunecastError && MISSING.has(error.reason);
}

const MISSING: ReadonlySet<Reason> = new Set([
  'MODEL_NOT_FOUND',
  'TEXT_NOT_FOUND',
  'OUTPUT_NOT_FOUND',
  'PATH_OUTSIDE_ROOTS',
  'PLUGIN_NOT_FOUND',
]);

function refuseRanges(ranges: readonly DimensionRange[]): void {
  if (ranges.length > 0)
    throw PrunecastError.ofField('ranges', 'are given, but the job does not wait for any: leave them out');
}

/** The call that starts a job. */
export interface StartContext extends PartContext {
  readonly caller: string;
  readonly origin: JobOrigin;
}

/**
 * Attaches to the job of a known request id; otherwise prepares the request, and starts a job for it. A request that
 * does not prepare leaves nothing behind, nor does one whose caller leaves before there is a job: no one would know its
 * id.
 *
 * @param context of the call: its caller, who waits with others in the queue; its signal fires when they leave, or the
 * deadline has passed; its progress is that of what comes before there is a job
 */
export async function startKind<Request>(
  jobs: Jobs,
  { kind, codec, requestIdOf, labelsOf, findLane, prepare }: RunnableKind<Request>,
  request: Request,
  { signal, progress, caller, origin }: StartContext,
): Promise<{ readonly jobId: string }> {
  signal.throwIfAborted();
  const sinceMs = performance.now();
  const requestId = requestIdOf(request);
  const requestDigest = digestRequest(kind, codec, request);
  const known = await jobs.findByRequestId(requestId, requestDigest);
  if (known !== undefined) return { jobId: known };
  const prepared = await orAborted(prepare(request, { signal, progress }), signal);
  const { plan, studyId, requireStartable } = prepared;
  requireStartable?.();
  const { jobId } = await jobs.start({
    kind,
    requestId,
    requestDigest,
    request: { bytes: codec.encode(request).finish(), plan },
    labels: labelsOf(request),
    openedSeconds: (performance.now() - sinceMs) / 1000,
    run: toWork((context) => runPrepared(prepared, context)),
    lane: findLane(request),
    caller,
    origin,
    signal,
    ...(studyId === undefined ? {} : { studyId }),
  });
  return { jobId };
}

/**
 * What a job of this request would do. Throws the reason for refusing the request, or the signal's reason.
 *
 * @param signal of the call
 */
export async function planKind<Request>(
  { kind, prepare }: RunnableKind<Request>,
  request: Request,
  signal: AbortSignal,
): Promise<Plan> {
  signal.throwIfAborted();
  const { estimate } = await orAborted(prepare(request, { signal, progress: () => undefined }), signal);
  if (estimate === undefined) throw new RangeError(`jobs of kind ${kind} have no plan`);
  return orAborted(estimate(), signal);
}
