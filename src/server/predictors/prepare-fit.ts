import { digestBytes } from '../../engine/files/digest.js';
import type { FitPredictorRequest } from '../../gen/prunecast/v1/predictor.js';
import { PredictorFeatures } from '../../gen/prunecast/v1/predictor_types.js';
import { workContext, type JobContext, type JobResult } from '../kinds/job-context.js';
import type { RestartedJob } from '../jobs/jobs.js';
import type { Prepared } from '../kinds/runnable-kind.js';
import { collectPairs, type PairServices } from '../pairs/collect-pairs.js';
import { requireSamePlan } from '../requests/compare-plans.js';
import { planFit } from '../requests/plan-fit.js';
import { resolveFit } from '../requests/resolve-fit.js';
import { checkPairs } from './check-pairs.js';
import { findTables, type TableServices, type TableSource } from './error-table-source.js';
import type { FitRequest } from './fit-request.js';
import type { FittedPredictors } from './fitted-predictors.js';

export interface FitServices extends TableServices, PairServices {
  readonly predictors: FittedPredictors;
}

/** Checks a FitPredictor request and its pairs; `run` then fits, judges and stores. */
export async function prepareFit(
  services: FitServices,
  request: FitPredictorRequest,
  restarted?: RestartedJob,
): Promise<Prepared> {
  const resolved = await resolveFit(
    { plugins: services.plugins, collectPairs: (id) => collectPairs(services, id) },
    request,
  );
  const { plugin, set, metrics, unseen, rates, seed, studyId } = resolved;
  const { errors, measureTables } = await findTables(services, request, set);
  const plan = planFit({ plugins: services.plugins, digestBytes }, request, resolved, errors);
  requireSamePlan(restarted, plan);
  const [target, ...others] = metrics;
  const fit: FitRequest = {
    plugin,
    ...target,
    others,
    learning: request.learningCurve,
    unseen,
    dimensions: set.dimensions,
    rates,
    recipes: set.pairs.map(({ recipeDigest }) => recipeDigest),
    seed,
    source: {
      model: set.model,
      checkpointDigest: set.checkpointDigest,
      measurementFingerprint: set.measurementFingerprint,
      fidelityDigest: set.fidelityDigest,
      recipeDigests: [...new Set(set.pairs.map(({ recipeDigest }) => recipeDigest))],
      studyId,
    },
  };
  checkPairs(plugin.plugin, fit);
  if (request.features !== PredictorFeatures.RATES_AND_ERRORS)
    await services.predictors.check(plugin, {
      columns: set.dimensions.length,
      metrics: metrics.map(({ metric }) => metric),
    });
  const measures = errors?.source === 'study';
  const phases = [...(measures ? [{ name: 'measure-errors' }] : []), { name: 'fit' }];
  return {
    plan,
    phases,
    run: (context) => {
      if (measures) context.phases.enter('measure-errors');
      return runFit(services, fit, measureTables, context);
    },
  };
}

async function runFit(
  { predictors }: FitServices,
  fit: FitRequest,
  measureTables: TableSource,
  context: JobContext,
): Promise<JobResult> {
  const tables = await measureTables(context);
  context.phases.enter('fit');
  const { predictor } = await predictors.fit({ ...fit, tables, join: context.join }, workContext(context, 'fitting'));
  return { $case: 'predictor', value: predictor };
}
