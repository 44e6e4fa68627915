import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Pair, PairSet } from '../../gen/prunecast/v1/pair.js';
import type { FitPredictorRequest } from '../../gen/prunecast/v1/predictor.js';
import { PredictorFeatures } from '../../gen/prunecast/v1/predictor_types.js';
import { TextPart, TrialRole } from '../../gen/prunecast/v1/study_types.js';
import { findMetric } from '../evaluation/find-metric.js';
import type { JobContext, JobResult } from '../jobs/jobs.js';
import type { Prepared } from '../jobs/runnable-kind.js';
import { isChooser, type PluginRegistry, type ResolvedPlugin } from '../plugins/plugin-registry.js';
import { requireInteger } from '../requests/fields.js';
import type { PairSetRecords } from '../records/pair-set-records.js';
import type { StudyRecords } from '../records/study-records.js';
import type { RecipePreparer } from '../recipes/prepare-recipe.js';
import type { QuestionServices } from '../studies/study-question.js';
import { checkPairs } from './check-pairs.js';
import { planTables, type TableSource } from './error-table-source.js';
import type { FitRequest, FittedPredictors, MetricValues } from './fitted-predictors.js';
import { listModules } from './list-modules.js';

export interface FitServices extends QuestionServices {
  readonly preparer: RecipePreparer;
  readonly predictors: FittedPredictors;
  readonly studies: StudyRecords;
  readonly pairSets: PairSetRecords;
}

/** Checks a FitPredictor request down to its pairs; `run` then fits, judges and stores. */
export async function prepareFit(services: FitServices, request: FitPredictorRequest): Promise<Prepared> {
  const plugin = services.plugins.resolve('predictor', request.predictor, 'xgboost', 'predictor');
  const set = await findPairs(services, request);
  const [target, ...others] = readMetrics(services.plugins, request.metrics, set);
  const measureTables = await planTables(services, request, set);
  const fit: FitRequest = {
    plugin,
    ...target,
    others,
    learning: request.learningCurve,
    unseen: readUnseen(plugin, request, set.pairs.length),
    dimensions: set.dimensions,
    rates: flattenRates(set),
    recipes: set.pairs.map(({ recipeDigest }) => recipeDigest),
    seed: Number(request.seed ?? 0n),
    source: {
      model: set.model,
      checkpointDigest: set.checkpointDigest,
      measurementFingerprint: set.measurementFingerprint,
      fidelityDigest: set.fidelityDigest,
      recipeDigests: [...new Set(set.pairs.map(({ recipeDigest }) => recipeDigest))],
      studyId: request.source?.$case === 'studyId' ? request.source.value : '',
    },
  };
  checkPairs(plugin.plugin, fit);
  if (isChooser(plugin.plugin)) listModules(services.plugins, plugin.plugin.compare(plugin.options));
  if (request.features !== PredictorFeatures.RATES_AND_ERRORS)
    await services.predictors.check(plugin, {
      columns: set.dimensions.length,
      metrics: [target, ...others].map(({ metric }) => metric),
    });
  return { run: (context) => runFit(services, fit, measureTables, context) };
}

/**
 * The places of pairs that the predictor has not seen, in ascending order. Throws INVALID_REQUEST for places that are not there, and for a
 * predictor that is fitted here: it keeps pairs from itself. One that was fitted elsewhere has no learning curve.
 */
function readUnseen(
  { plugin }: ResolvedPlugin<'predictor'>,
  { unseenPairs, learningCurve }: FitPredictorRequest,
  pairs: number,
): number[] {
  const isForeign = !isChooser(plugin) && plugin.learns === 'elsewhere';
  if (isForeign && learningCurve)
    throw PrunecastError.ofField(
      'learning_curve',
      `is set, and ${plugin.id} was fitted elsewhere: it learns nothing from these pairs, leave it unset`,
    );
  if (!isForeign && unseenPairs.length > 0)
    throw PrunecastError.ofField(
      'unseen_pairs',
      `are named, and ${plugin.id} is fitted here, judged on pairs that are kept from it: leave them out`,
    );
  const taken = new Set<number>();
  for (const [index, place] of unseenPairs.entries()) {
    const field = `unseen_pairs[${index}]`;
    requireInteger(place, field, { min: 0, max: pairs - 1 });
    if (taken.has(place)) throw PrunecastError.ofField(field, `is ${place} again: name each pair once`);
    taken.add(place);
  }
  return [...taken].sort((a, b) => a - b);
}

async function runFit(
  { predictors }: FitServices,
  fit: FitRequest,
  measureTables: TableSource,
  context: JobContext,
): Promise<JobResult> {
  const tables = await measureTables(context);
  context.progress({ activity: 'fitting', done: 0, total: 1, unit: 'predictors' });
  const { predictor } = await predictors.fit({ ...fit, tables, join: context.join }, context.signal);
  return { $case: 'predictor', value: predictor };
}

async function findPairs({ studies, pairSets }: FitServices, request: FitPredictorRequest): Promise<PairSet> {
  switch (request.source?.$case) {
    case 'pairs':
      if (request.source.value.dimensions.length === 0)
        throw PrunecastError.ofField('pairs.dimensions', 'is empty: name the columns of the rates');
      refuseRepeated(request.source.value.dimensions);
      return request.source.value;
    case 'studyId':
      return collectPairs({ studies, pairSets }, request.source.value);
    case undefined:
      throw PrunecastError.ofField('source', 'is not set: give pairs or a study_id');
  }
}

/** Columns that share a name could not be told apart in what the predictor says of them. */
function refuseRepeated(dimensions: readonly string[]): void {
  const repeated = dimensions.findIndex((name, index) => dimensions.indexOf(name) < index);
  if (repeated >= 0)
    throw PrunecastError.ofField(
      `pairs.dimensions[${repeated}]`,
      `is "${dimensions[repeated]}" again: name each column once`,
    );
}

/**
 * All pairs of a study in its recipe: its own, and those that were imported. One without a label, as of an
 * architecture whose metrics were not finite, is left out. Throws STUDY_NOT_FOUND, MEASUREMENT_MISMATCH.
 */
export async function collectPairs(
  { studies, pairSets }: Pick<FitServices, 'studies' | 'pairSets'>,
  studyId: string,
): Promise<PairSet> {
  const study = await studies.get(studyId);
  const recipe = readChosenRecipe(study.plan);
  const trials = (await studies.trials(studyId, TrialRole.PAIR)).filter(
    ({ part, metrics, recipeDigest }) =>
      (recipe === undefined || recipeDigest === recipe) && part === TextPart.SEARCH && isLabelled(metrics),
  );
  const own: PairSet = {
    dimensions: readDimensions(study.plan),
    model: study.model,
    checkpointDigest: study.checkpointDigest,
    measurementFingerprint: trials[0]?.measurementFingerprint ?? '',
    fidelityDigest: trials[0]?.fidelityDigest ?? '',
    pairs: trials.map(({ rates, metrics, recipeDigest }) => ({ rates, metrics, recipeDigest })),
  };
  const [first, ...others] = [...(trials.length === 0 ? [] : [own]), ...(await pairSets.ofStudy(studyId))];
  if (first === undefined) return own;
  return others.reduce(mergeSets, first);
}

/** Trials of earlier versions may have metrics that are not finite. */
function isLabelled(metrics: Readonly<Record<string, number>>): boolean {
  const values = Object.values(metrics);
  return values.length > 0 && values.every(Number.isFinite);
}

function mergeSets(a: PairSet, b: PairSet): PairSet {
  if (
    a.measurementFingerprint !== b.measurementFingerprint ||
    a.fidelityDigest !== b.fidelityDigest ||
    a.checkpointDigest !== b.checkpointDigest
  ) {
    throw new PrunecastError(
      'MEASUREMENT_MISMATCH',
      'the pairs were measured differently: their checkpoint, measurement and fidelity must be the same',
      {
        metadata: { first: a.measurementFingerprint, other: b.measurementFingerprint },
      },
    );
  }
  return { ...a, pairs: [...a.pairs, ...b.pairs] };
}

/** The digest of the recipe that a study labels in; undefined for one of imported pairs. */
function readChosenRecipe(plan: unknown): string | undefined {
  const { recipes, chosen } = (plan ?? {}) as {
    readonly recipes?: readonly string[];
    readonly chosen?: { readonly recipe: number };
  };
  return recipes?.[chosen?.recipe ?? 0];
}

/** The names of a study's dimensions, as its plan was stored. */
export function readDimensions(plan: unknown): string[] {
  const names = plan !== null && typeof plan === 'object' && 'dimensions' in plan ? plan.dimensions : undefined;
  return Array.isArray(names) ? names.map(String) : [];
}

function flattenRates({ dimensions, pairs }: PairSet): Float32Array {
  const rates = new Float32Array(pairs.length * dimensions.length);
  pairs.forEach((pair, index) => {
    if (pair.rates.length !== dimensions.length) {
      throw PrunecastError.ofField(
        `pairs.pairs[${index}].rates`,
        `has ${pair.rates.length} rates; there are ${dimensions.length} dimensions`,
        'PAIRS_INVALID',
      );
    }
    rates.set(pair.rates, index * dimensions.length);
  });
  return rates;
}

/** The labels of each metric that is asked for; perplexity where none is. Throws INVALID_REQUEST, PAIRS_INVALID. */
function readMetrics(
  plugins: PluginRegistry,
  asked: readonly string[],
  { pairs }: PairSet,
): [MetricValues, ...MetricValues[]] {
  const repeated = asked.findIndex((name, index) => asked.indexOf(name) < index);
  if (repeated >= 0)
    throw PrunecastError.ofField(`metrics[${repeated}]`, `is "${asked[repeated]}" again: name each metric once`);
  const valuesOf = (name: string): MetricValues => ({
    metric: findMetric(plugins, name),
    values: Float64Array.from(pairs, (pair, index) => readMetric(pair, name, index)),
  });
  const [first = 'perplexity', ...others] = asked;
  return [valuesOf(first), ...others.map(valuesOf)];
}

function readMetric({ metrics }: Pair, name: string, index: number): number {
  const value = metrics[name];
  if (value === undefined)
    throw PrunecastError.ofField(
      `pairs.pairs[${index}].metrics`,
      `has no ${name}; it has ${Object.keys(metrics).join(', ') || 'none'}`,
      'PAIRS_INVALID',
    );
  return value;
}
