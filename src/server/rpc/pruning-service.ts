import { JobKind } from '../../gen/prunecast/v1/job.js';
import { EvaluateRequest, PruneRequest, PruningServiceService, SearchRequest } from '../../gen/prunecast/v1/pruning.js';
import { prepareEvaluate, type EvaluateServices } from '../evaluation/prepare-evaluate.js';
import type { JobEvents } from '../jobs/job-events.js';
import type { Jobs } from '../jobs/jobs.js';
import { startPrepared, type Prepared } from '../jobs/start-prepared.js';
import type { FittedPredictors } from '../predictors/fitted-predictors.js';
import { answerPredict } from '../predictors/answer-predict.js';
import { preparePrune, type PruneServices } from '../pruning/prepare-prune.js';
import { prepareSearch, type SearchServices } from '../studies/prepare-search.js';
import { digestRequest } from './request-digest.js';
import { defineService, type RpcService } from './rpc-service.js';
import { serveJobStream } from './serve-job-stream.js';
import { serveUnary } from './serve-unary.js';

export interface PruningServices extends PruneServices, EvaluateServices, SearchServices {
  readonly jobs: Jobs;
  readonly events: JobEvents;
  readonly predictors: FittedPredictors;
}

/** `PruningService`: three verbs that start a durable job and stream its events, and one that answers at once. */
export function createPruningService(services: PruningServices): RpcService {
  const stream = <Request extends { readonly requestId: string }>(
    kind: JobKind,
    codec: { toJSON(request: Request): unknown },
    prepare: (request: Request) => Promise<Prepared>,
  ) => serveJobStream<Request>(services.events, (request) =>
    startPrepared(services.jobs, { kind, requestId: request.requestId, requestDigest: digestRequest(kind, codec, request) }, () => prepare(request)));
  return defineService(PruningServiceService, {
    prune: stream(JobKind.PRUNE, PruneRequest, (request) => preparePrune(services, request)),
    evaluate: stream(JobKind.EVALUATE, EvaluateRequest, (request) => prepareEvaluate(services, request)),
    search: stream(JobKind.SEARCH, SearchRequest, (request) => prepareSearch(services, request)),
    predict: serveUnary((request) => answerPredict(services, request)),
  });
}
