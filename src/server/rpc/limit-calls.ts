import type { MethodDefinition } from '@grpc/grpc-js';
import type { CallQueue } from '../admission/call-queue.js';
import type { CallQueues, CallWork } from '../admission/call-queues.js';
import type { CallContext } from './interceptors/call-context.js';
import type { Responses } from './responses.js';
import type { RpcService } from './rpc-service.js';
import type { AnyHandler } from './serve-method.js';

/**
 * The methods that work themselves, and what they do. The others only read or write a few records, or start a job
 * after they have waited by themselves (`src/server/rpc/follow-job.ts`).
 */
const WORK: Readonly<Record<string, CallWork>> = {
  '/prunecast.v1.PruningService/Predict': 'predict',
  '/prunecast.v1.PredictorService/ExplainPredictor': 'predict',
  '/prunecast.v1.PredictorService/ProposeRefinement': 'query',
  '/prunecast.v1.StudyService/QueryStudy': 'query',
  '/prunecast.v1.StudyService/GetStudyReport': 'open',
  '/prunecast.v1.PruningService/PlanPrune': 'open',
  '/prunecast.v1.PruningService/PlanEvaluate': 'open',
  '/prunecast.v1.PruningService/PlanSearch': 'open',
  '/prunecast.v1.PairService/SamplePairs': 'open',
  '/prunecast.v1.PredictorService/FitPredictor': 'open',
  '/prunecast.v1.ModelService/ListModels': 'open',
  '/prunecast.v1.ModelService/InspectModel': 'open',
  '/prunecast.v1.ModelService/ScoreUnits': 'open',
};

/** The same service, whose calls wait in the queue of their kind of work. */
export function limitCalls({ definition, handlers }: RpcService, queues: CallQueues): RpcService {
  return {
    definition,
    handlers: Object.fromEntries(
      Object.entries(definition).map(([name, method]) => {
        const [handler, work] = [handlers[name], WORK[method.path]];
        return [
          name,
          handler === undefined || work === undefined ? handler : limitMethod(method, handler, queues[work]),
        ];
      }),
    ),
  };
}

/** A stream has a slot until its first answer: what follows waits for its reader, which may take its time. */
function limitMethod(
  { requestSerialize, responseStream }: MethodDefinition<unknown, unknown>,
  handler: AnyHandler,
  queue: CallQueue,
): AnyHandler {
  const asked = (request: unknown, context: CallContext) => ({
    caller: context.caller,
    signal: context.signal,
    bytes: () => requestSerialize(request).length,
  });
  if (!responseStream)
    return (request, context) => queue.run(asked(request, context), async () => handler(request, context));
  return async function* (request: never, context): Responses<unknown> {
    const responses = handler(request, context) as Responses<unknown>;
    try {
      let next = await queue.run(asked(request, context), () => responses.next());
      while (!next.done) {
        yield next.value;
        next = await responses.next();
      }
      return next.value;
    } finally {
      await responses.return(undefined);
    }
  };
}
