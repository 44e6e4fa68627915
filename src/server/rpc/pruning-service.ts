import {
  PruningServiceService,
  type EvaluateRequest,
  type PruneRequest,
  type SearchRequest,
} from '../../gen/prunecast/v1/pruning.js';
import type { CallQueues } from '../admission/call-queues.js';
import type { JobEvents } from '../jobs/events.js';
import type { Jobs } from '../jobs/jobs.js';
import { planKind, startKind, type RunnableKind } from '../kinds/runnable-kind.js';
import { answerPredict } from '../predictors/answer-predict.js';
import type { CallContext } from './interceptors/call-context.js';
import { startAndFollow } from './follow-job.js';
import { defineService, type RpcService } from './rpc-service.js';

export type PruningServices = Parameters<typeof answerPredict>[0] & {
  readonly kinds: {
    readonly prune: RunnableKind<PruneRequest>;
    readonly evaluate: RunnableKind<EvaluateRequest>;
    readonly search: RunnableKind<SearchRequest>;
  };
  readonly jobs: Jobs;
  readonly events: JobEvents;
  readonly queues: Pick<CallQueues, 'open'>;
};

/**
 * `PruningService`: three verbs that start a durable job and stream its events, their plans, and one verb that answers
 * at once.
 */
export function createPruningService(services: PruningServices): RpcService {
  const { kinds, jobs, events, queues } = services;
  const stream = <Request>(kind: RunnableKind<Request>) =>
    startAndFollow<Request>(events, (request, context) =>
      queues.open.run({ ...context, bytes: () => kind.codec.encode(request).finish().length }, () =>
        startKind(jobs, kind, request, context),
      ),
    );
  return defineService(PruningServiceService, {
    prune: stream(kinds.prune),
    planPrune: servePlan(kinds.prune),
    evaluate: stream(kinds.evaluate),
    planEvaluate: servePlan(kinds.evaluate),
    search: stream(kinds.search),
    planSearch: servePlan(kinds.search),
    predict: (request, { signal }) => answerPredict(services, request, signal),
  });
}

function servePlan<Request>(kind: RunnableKind<Request>) {
  return async (request: Request, { signal }: CallContext) => ({ plan: await planKind(kind, request, signal) });
}
