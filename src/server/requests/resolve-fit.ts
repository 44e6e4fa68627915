import { didYouMean } from '../../core/errors/nearest.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { MetricDefinition } from '../../core/metric.js';
import type { Pair, PairSet } from '../../gen/prunecast/v1/pair.js';
import type { FitPredictorRequest } from '../../gen/prunecast/v1/predictor.js';
import { requireDistinctDimensions } from './decode-pairs.js';
import { DEFAULT_FIT_METRIC, DEFAULT_FIT_PREDICTOR, DEFAULT_SEED } from './defaults.js';
import { requireInteger } from './fields.js';
import { findMetric, isChooser, type PluginLookup, type ResolvedPlugin } from './plugin-lookup.js';

/** The labels of one metric. */
export interface MetricValues {
  readonly metric: MetricDefinition;
  /** One per pair, in the metric's own unit. */
  readonly values: Float64Array;
}

/** A FitPredictorRequest, checked and complete, except for the tables of its features. */
export interface ResolvedFit {
  readonly plugin: ResolvedPlugin<'predictor'>;
  readonly set: PairSet;
  /** [pairs, dimensions], row-major. */
  readonly rates: Float32Array;
  readonly metrics: readonly [MetricValues, ...MetricValues[]];
  /** Rows of the pairs, ascending, that a plug-in fitted elsewhere has not seen. */
  readonly unseen: readonly number[];
  readonly seed: number;
  /** Empty if the request has its own pairs. */
  readonly studyId: string;
}

/** What resolving needs from the server. */
export interface FitResolution {
  readonly plugins: PluginLookup;
  /** All pairs of a study under its recipe. Throws STUDY_NOT_FOUND, MEASUREMENT_MISMATCH. */
  readonly collectPairs: (studyId: string) => Promise<PairSet>;
}

/** Throws INVALID_REQUEST, PAIRS_INVALID, PLUGIN_NOT_FOUND, INVALID_OPTIONS, and as `collectPairs`. */
export async function resolveFit(
  { plugins, collectPairs }: FitResolution,
  request: FitPredictorRequest,
): Promise<ResolvedFit> {
  const plugin = plugins.resolve('predictor', request.predictor, DEFAULT_FIT_PREDICTOR, 'predictor');
  const set = await findPairs(collectPairs, request);
  const metrics = readMetrics(plugins, request.metrics, set);
  return {
    plugin,
    set,
    metrics,
    unseen: readUnseen(plugin, request, set.pairs.length),
    rates: flattenRates(set),
    seed: Number(request.seed ?? DEFAULT_SEED),
    studyId: request.source?.$case === 'studyId' ? request.source.value : '',
  };
}

async function findPairs(collectPairs: FitResolution['collectPairs'], request: FitPredictorRequest): Promise<PairSet> {
  switch (request.source?.$case) {
    case 'pairs':
      requireDistinctDimensions(request.source.value, 'pairs');
      return request.source.value;
    case 'studyId':
      return collectPairs(request.source.value);
    case undefined:
      throw PrunecastError.ofField('source', 'is not set: give pairs or a study_id');
  }
}

/**
 * The positions of pairs that the predictor has not seen, ascending. Throws INVALID_REQUEST for positions that do not
 * exist, and for a predictor that is fitted here: that holds out pairs itself. A predictor that was fitted elsewhere
 * has no learning curve.
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
      `is set, but ${plugin.id} was fitted elsewhere and learns nothing from these pairs: leave it unset`,
    );
  if (!isForeign && unseenPairs.length > 0)
    throw PrunecastError.ofField(
      'unseen_pairs',
      `are named, but ${plugin.id} is fitted here and holds out pairs itself: leave them out`,
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

/** The labels of each requested metric; of perplexity by default. Throws INVALID_REQUEST, PAIRS_INVALID. */
function readMetrics(
  plugins: PluginLookup,
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
  const [first = DEFAULT_FIT_METRIC, ...others] = asked;
  return [valuesOf(first), ...others.map(valuesOf)];
}

function readMetric({ metrics }: Pair, name: string, index: number): number {
  const value = metrics[name];
  if (value === undefined)
    throw PrunecastError.ofField(
      `pairs.pairs[${index}].metrics`,
      `has no ${name}; it has ${Object.keys(metrics).join(', ') || 'none'}${didYouMean(name, Object.keys(metrics))}`,
      'PAIRS_INVALID',
    );
  return value;
}
