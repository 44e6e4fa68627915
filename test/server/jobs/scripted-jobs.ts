import { ContainerModule } from 'inversify';
import { JobKind, type JobEvent } from '../../../src/gen/prunecast/v1/job.js';
import {
  EvaluateRequest,
  type EvaluateResponse,
  PruningServiceService,
} from '../../../src/gen/prunecast/v1/pruning.js';
import { toWork, type EmittedPayload, type JobContext, type JobResult } from '../../../src/server/kinds/job-context.js';
import { digestRequest } from '../../../src/server/kinds/request-digest.js';
import type { JobEvents } from '../../../src/server/jobs/events.js';
import type { Jobs } from '../../../src/server/jobs/jobs.js';
import { PARTS } from '../../../src/server/parts.js';
import { startAndFollow } from '../../../src/server/rpc/follow-job.js';
import { defineService, type RpcService } from '../../../src/server/rpc/rpc-service.js';
import { startSourceServer } from '../../support/source-server.js';
import type { TestServer, TestServerOptions } from '../../support/test-server.js';

export type Run = (context: JobContext) => Promise<JobResult>;

/** A server whose Evaluate does what the run under the request's `model` does. */
export function startScriptedServer(
  runs: Readonly<Record<string, Run>>,
  options: TestServerOptions = {},
): Promise<TestServer> {
  const createService = (jobs: Jobs, jobEvents: JobEvents): RpcService =>
    defineService(PruningServiceService, {
      evaluate: startAndFollow<EvaluateRequest>(jobEvents, (request) =>
        jobs.start({
          lane: 'model',
          kind: JobKind.EVALUATE,
          requestId: request.requestId,
          requestDigest: digestRequest(JobKind.EVALUATE, EvaluateRequest, request),
          run: toWork(runs[request.model] ?? (() => Promise.reject(new Error(`no run is called ${request.model}`)))),
        }),
      ),
    });
  const scripted = new ContainerModule(({ bind }) => {
    bind(PARTS.rpcService).toResolvedValue(createService, [PARTS.jobs, PARTS.jobEvents]);
  });
  return startSourceServer({ ...options, modules: [...(options.modules ?? []), scripted] });
}

/** Starts a job and returns its stream with its first event. */
export async function begin(server: TestServer, model: string, requestId = '') {
  const call = server.pruning.evaluate(EvaluateRequest.create({ model, requestId }));
  const events = eventsOf(call as AsyncIterable<EvaluateResponse>);
  const { value: first } = await events.next();
  if (!first) throw new Error('the stream had no event');
  return { call, events, first, jobId: first.jobId };
}

/** The events of a stream of Evaluate's answers, or of WatchJob's. */
export async function* eventsOf(
  responses: AsyncIterable<{ event: JobEvent | undefined }>,
): AsyncGenerator<JobEvent, void, undefined> {
  for await (const { event } of responses) if (event) yield event;
}

/** All events that are left, and what the stream failed with, if it did. */
export async function collect(events: AsyncIterable<JobEvent>): Promise<{ events: JobEvent[]; error: unknown }> {
  const collected: JobEvent[] = [];
  try {
    for await (const event of events) collected.push(event);
    return { events: collected, error: undefined };
  } catch (error) {
    return { events: collected, error };
  }
}

/** A promise with its way to settle it. */
export function gate<Value = void>() {
  let settle: ((value: Value) => void) | undefined;
  const opened = new Promise<Value>((resolve) => {
    settle = resolve;
  });
  return { open: (value: Value) => settle?.(value), opened };
}

/** What Evaluate ends with when all went well. */
export const DONE: JobResult = { $case: 'evaluate', value: { evaluated: 1, tokensSpent: 0n } };

/** An event that can be told from others of its kind. */
export function evaluation(index: number): EmittedPayload {
  return {
    $case: 'evaluation',
    value: {
      index,
      metrics: { perplexity: index },
      architecture: undefined,
      costs: [],
      measurement: undefined,
      fidelity: undefined,
      recipeDigest: '',
      scoredTokens: 1n,
      tokensSpent: 1n,
      checkpointDigest: '',
      standardErrors: {},
      items: 0,
      shortened: undefined,
      further: [],
    },
  };
}
