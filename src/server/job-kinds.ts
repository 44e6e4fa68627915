import type { Container } from 'inversify';
import { JobKind } from '../gen/prunecast/v1/job.js';
import { SamplePairsRequest } from '../gen/prunecast/v1/pair.js';
import { FitPredictorRequest } from '../gen/prunecast/v1/predictor.js';
import { PredictorFeatures } from '../gen/prunecast/v1/predictor_types.js';
import { EvaluateRequest, PruneRequest, SearchRequest } from '../gen/prunecast/v1/pruning.js';
import { prepareEvaluate, type EvaluateServices } from './evaluation/prepare-evaluate.js';
import { defineKind } from './kinds/runnable-kind.js';
import { prepareSample } from './studies/prepare-sample.js';
import { prepareFit, type FitServices } from './predictors/prepare-fit.js';
import { preparePrune, type PruneServices } from './pruning/prepare-prune.js';
import { attend } from './rpc/attend.js';
import { PARTS } from './parts.js';
import { provide } from './provide.js';
import { prepareSearch, resumeSearch } from './studies/prepare-search.js';
import type { SearchServices } from './studies/study.js';
import { TOKENS } from './tokens.js';

/** Binds the kinds of jobs: what starts them, and what resumes them after a restart. */
export function bindJobKinds(container: Container): void {
  const { models, plugins, recipes, preparer, texts, predictors } = PARTS;
  const { clock, outputs, labelQueue: labels } = TOKENS;
  const [studies, pairSets] = [PARTS.studyRecords, PARTS.pairSetRecords];
  const { telemetry } = PARTS;
  const { tracer } = TOKENS;
  const search = {
    models,
    texts,
    plugins,
    recipes,
    preparer,
    labels,
    predictors,
    outputs,
    studies,
    clock,
    telemetry,
    tracer,
  };
  provide(
    container,
    PARTS.prune,
    (needs: PruneServices) =>
      defineKind({
        kind: JobKind.PRUNE,
        codec: PruneRequest,
        requestIdOf,
        labelsOf,
        prepare: (request, context, restarted) => preparePrune(attend(needs, context), request, restarted),
      }),
    { models, plugins, recipes, preparer, outputs, texts },
  );
  provide(
    container,
    PARTS.evaluate,
    (needs: EvaluateServices) =>
      defineKind({
        kind: JobKind.EVALUATE,
        codec: EvaluateRequest,
        requestIdOf,
        labelsOf,
        prepare: (request, context, restarted) =>
          prepareEvaluate(attend(needs, context), request, context.signal, restarted),
      }),
    { models, texts, plugins, recipes, preparer, labels, outputs, tracer },
  );
  provide(
    container,
    PARTS.search,
    (needs: SearchServices) =>
      defineKind({
        kind: JobKind.SEARCH,
        codec: SearchRequest,
        requestIdOf,
        labelsOf,
        prepare: (request, context, restarted) => prepareSearch(attend(needs, context), request, restarted),
        resume: (request, job, ranges, signal) => resumeSearch(attend(needs, { signal }), request, job, ranges, signal),
      }),
    search,
  );
  provide(
    container,
    PARTS.samplePairs,
    (needs: SearchServices) =>
      defineKind({
        kind: JobKind.SAMPLE_PAIRS,
        codec: SamplePairsRequest,
        requestIdOf: ({ search: sample }) => sample?.requestId ?? '',
        labelsOf: ({ search: sample }) => sample?.labels ?? {},
        prepare: (request, context, restarted) => prepareSample(attend(needs, context), request, restarted),
      }),
    search,
  );
  provide(
    container,
    PARTS.fitPredictor,
    (needs: FitServices) =>
      defineKind({
        kind: JobKind.FIT_PREDICTOR,
        codec: FitPredictorRequest,
        requestIdOf,
        labelsOf,
        // Errors of calibration are measured with the model; all else is computed from the pairs alone.
        findLane: ({ features }) => (features === PredictorFeatures.RATES_AND_ERRORS ? 'model' : 'fit'),
        prepare: (request, context, restarted) => prepareFit(attend(needs, context), request, restarted),
      }),
    { models, plugins, texts, recipes, preparer, predictors, outputs, studies, pairSets },
  );
}

function requestIdOf({ requestId }: { readonly requestId: string }): string {
  return requestId;
}

function labelsOf({ labels }: { readonly labels: Readonly<Record<string, string>> }): Readonly<Record<string, string>> {
  return labels;
}
