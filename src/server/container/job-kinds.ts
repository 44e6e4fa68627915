import { JobKind } from '../../gen/prunecast/v1/job.js';
import { SamplePairsRequest } from '../../gen/prunecast/v1/pair.js';
import { FitPredictorRequest } from '../../gen/prunecast/v1/predictor.js';
import { EvaluateRequest, PruneRequest, SearchRequest } from '../../gen/prunecast/v1/pruning.js';
import { prepareEvaluate, type EvaluateServices } from '../evaluation/prepare-evaluate.js';
import { defineKind, type RunnableKind } from '../jobs/runnable-kind.js';
import { prepareSample } from '../studies/prepare-sample.js';
import { prepareFit, type FitServices } from '../predictors/prepare-fit.js';
import { preparePrune, type PruneServices } from '../pruning/prepare-prune.js';
import { attend } from '../rpc/attend.js';
import { prepareSearch, resumeSearch } from '../studies/prepare-search.js';
import type { SearchServices } from '../studies/search-services.js';

/** The kinds of jobs of a server: what starts them, and what goes on with them after a restart. */
export interface JobKinds {
  readonly prune: RunnableKind<PruneRequest>;
  readonly evaluate: RunnableKind<EvaluateRequest>;
  readonly search: RunnableKind<SearchRequest>;
  readonly samplePairs: RunnableKind<SamplePairsRequest>;
  readonly fitPredictor: RunnableKind<FitPredictorRequest>;
}

export type JobKindServices = PruneServices & EvaluateServices & SearchServices & FitServices;

export function createJobKinds(services: JobKindServices): JobKinds {
  return {
    prune: defineKind({
      kind: JobKind.PRUNE,
      codec: PruneRequest,
      requestIdOf,
      prepare: (request, signal, restarted) => preparePrune(attend(services, signal), request, restarted),
    }),
    evaluate: defineKind({
      kind: JobKind.EVALUATE,
      codec: EvaluateRequest,
      requestIdOf,
      prepare: (request, signal) => prepareEvaluate(attend(services, signal), request),
    }),
    search: defineKind({
      kind: JobKind.SEARCH,
      codec: SearchRequest,
      requestIdOf,
      prepare: (request, signal, restarted) => prepareSearch(attend(services, signal), request, restarted),
      resume: (request, job, ranges, signal) => resumeSearch(attend(services, signal), request, job, ranges),
    }),
    samplePairs: defineKind({
      kind: JobKind.SAMPLE_PAIRS,
      codec: SamplePairsRequest,
      requestIdOf: ({ search }) => search?.requestId ?? '',
      prepare: (request, signal, restarted) => prepareSample(attend(services, signal), request, restarted),
    }),
    fitPredictor: defineKind({
      kind: JobKind.FIT_PREDICTOR,
      codec: FitPredictorRequest,
      requestIdOf,
      prepare: (request, signal) => prepareFit(attend(services, signal), request),
    }),
  };
}

function requestIdOf({ requestId }: { readonly requestId: string }): string {
  return requestId;
}
