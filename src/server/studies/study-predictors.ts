import type { MetricDefinition } from '../../core/metric.js';
import type { EncodingBatch } from '../../core/pairs.js';
import type { Prediction } from '../../core/ports/predictor.js';
import { encodePoints } from '../../core/space/search-space.js';
import { listMetrics } from '../../search/objectives/objectives.js';
import { objectivesOf, type StudyPlan } from '../../search/study/plan.js';
import type { Fitted } from '../../search/study/steps.js';
import type { StudyState } from '../../search/machine.js';
import type { TrialResult } from '../../search/study/trial.js';
import { fidelityDigest, measurementFingerprint } from '../encoding/measurement.js';
import { workContext, type JobContext } from '../kinds/job-context.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';
import type { FittedPredictors } from '../predictors/fitted-predictors.js';
import { modelOf, type OpenPredictor } from '../predictors/open-predictor.js';
import type { FitRequest } from '../predictors/fit-request.js';
import { measureErrorTables } from '../predictors/measure-error-tables.js';
import type { RecipePreparer } from '../recipes/prepare-recipe.js';
import type { Study } from './study.js';
import { findRecipe, prepareRecipe } from './study-recipes.js';

/** The metrics that a study predicts: first that of its report, then those of other objectives and limits. */
export function listPredicted(plan: Pick<StudyPlan, 'metric' | 'objectives'>): MetricDefinition[] {
  return [plan.metric, ...listMetrics(objectivesOf(plan)).filter(({ name }) => name !== plan.metric.name)];
}

export interface FitStudyServices {
  readonly predictors: FittedPredictors;
  readonly plugins: PluginLookup;
  readonly preparer: RecipePreparer;
}

/** Fits a predictor to each metric of a study; returns the judgement on the metric of its report. */
export async function fitStudy(
  services: FitStudyServices,
  study: Study,
  state: StudyState,
  pairs: readonly TrialResult[],
  context: JobContext,
): Promise<Omit<Fitted, 'kind'>> {
  const metrics = listPredicted(study.plan);
  const trial = { recipe: state.recipe, compensation: 'one-shot' } as const;
  const tables = await measureErrorTables(
    services.plugins,
    study.features,
    study.plan.space,
    {
      language: study.model.language,
      recipe: findRecipe(study.recipes, trial),
      rank: () => prepareRecipe(services.preparer, study, trial, workContext(context, 'calibrating')),
    },
    workContext(context, 'measuring errors'),
  );
  const fits = [];
  // Backends are compared once: the one that ranked the first pairs best is also fitted on the later ones and to the
  // other metrics.
  let chosen = state.fit?.choice?.chosen;
  for (const metric of metrics) {
    const plugin =
      chosen === undefined ? study.predictor : services.plugins.resolve('predictor', undefined, chosen, 'predictor');
    const fit = await fitMetric(services.predictors, study, state, pairs, { plugin, metric, tables }, context);
    chosen ??= fit.judgement.choice?.chosen;
    fits.push(fit);
  }
  const [first, ...others] = fits;
  if (first === undefined) throw new RangeError('a study predicts at least one metric');
  const further =
    others.length === 0
      ? {}
      : { others: Object.fromEntries(others.map(({ metric, predictor: { id } }) => [metric.name, id])) };
  return { predictorId: first.predictor.id, ...further, ...first.judgement };
}

async function fitMetric(
  predictors: FittedPredictors,
  { plan, model, windows, recipes, id }: Study,
  state: StudyState,
  pairs: readonly TrialResult[],
  { plugin, metric, tables }: Pick<FitRequest, 'plugin' | 'metric' | 'tables'>,
  context: JobContext,
) {
  const valueOf = ({ value, metrics }: TrialResult): number =>
    metric.name === plan.metric.name ? value : (metrics?.[metric.name] ?? Number.NaN);
  const usable = pairs.filter((pair) => Number.isFinite(valueOf(pair)));
  const { rates } = encodePoints(
    plan.space,
    usable.map(({ counts }) => counts),
  );
  const { predictor, judgement } = await predictors.fit(
    {
      plugin,
      metric,
      dimensions: plan.space.dimensions.map(({ name }) => name),
      rates,
      values: Float64Array.from(usable, valueOf),
      seed: plan.seed,
      source: {
        model: model.name,
        checkpointDigest: model.language.checkpoint.digest,
        measurementFingerprint: measurementFingerprint(windows.search.measurement),
        fidelityDigest: fidelityDigest(windows.search.fidelity),
        recipeDigests: [findRecipe(recipes, { recipe: state.recipe, compensation: 'one-shot' }).digest],
        studyId: id,
      },
      ranges: state.space.dimensions.map(({ range }) => range),
      ...(tables === undefined ? {} : { tables }),
      join: context.join,
    },
    workContext(context, 'fitting'),
  );
  return { metric, predictor, judgement };
}

/** Loads the study's latest predictors, by metric. Throws as `FittedPredictors.open`. */
export async function openStudyPredictors(
  predictors: FittedPredictors,
  plan: Pick<StudyPlan, 'metric' | 'objectives'>,
  fit: StudyState['fit'],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, OpenPredictor>> {
  const ids = [[plan.metric.name, fit?.predictorId ?? ''] as const, ...Object.entries(fit?.others ?? {})];
  const opened = new Map<string, OpenPredictor>();
  for (const [metric, id] of ids) opened.set(metric, await predictors.open(id, signal));
  return opened;
}

/** The predictions for a batch, by metric, on the scale of the fits. Throws the signal's reason. */
export async function askPredictors(
  open: ReadonlyMap<string, OpenPredictor>,
  batch: EncodingBatch,
  signal: AbortSignal,
): Promise<Record<string, Prediction>> {
  const predictions: Record<string, Prediction> = {};
  for (const [metric, predictor] of open)
    predictions[metric] = await modelOf(predictor, metric).predict(batch, { signal });
  return predictions;
}
