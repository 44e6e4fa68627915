import { createCallQueue, type CallQueue, type CallQueueLimits } from './call-queue.js';

/**
 * The kinds of work that calls do themselves, each with a queue of its own: `predict` asks a predictor, `query`
 * searches with one or verifies its answers, `open` opens a model or a request: plans, inspections, and the starts of
 * jobs before there is a job; `verify` verifies an output.
 */
export type CallWork = 'predict' | 'query' | 'open' | 'verify';

export type CallQueues = Readonly<Record<CallWork, CallQueue>>;

export function createCallQueues(limits: CallQueueLimits): CallQueues {
  return {
    predict: createCallQueue('predict', limits),
    query: createCallQueue('query', limits),
    open: createCallQueue('open', limits),
    verify: createCallQueue('verify', limits),
  };
}
