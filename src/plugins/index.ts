/**
 * The package's `./plugin` entry: what the author of a plug-in needs. It loads no native module.
 * docs/writing-plugins.md shows how to write a plug-in; `prunecast/plugin/testing` has conformance kits.
 */
export { z } from 'zod';
export * from './define.js';

export { PLUGIN_API_VERSION, PLUGIN_KINDS } from '../core/ports/plugin.js';
export type * from '../core/ports/plugin.js';
export type * from '../core/ports/plugin-entry.js';
export type * from '../core/ports/plugin-context.js';
export type * from '../core/ports/criterion.js';
export type * from '../core/ports/compensation.js';
export type * from '../core/ports/evaluator.js';
export type * from '../core/ports/predictor.js';
export type * from '../core/ports/strategy.js';
export type * from '../core/ports/exporter.js';
export type * from '../core/ports/recovery.js';
export type * from '../core/ports/work-context.js';
export { countScored, scoreFrom } from '../core/sequence.js';
export type { Sequence, Span } from '../core/sequence.js';

export { canonicalJson } from '../core/canonical-json.js';
export type * from '../core/metric.js';
export { describeModelMeasurement } from '../core/measurement.js';
export type * from '../core/measurement.js';
export type * from '../core/model/shape.js';
export type { ScoredKind, UnitGroup } from '../core/model/unit-groups.js';
export type { KeptUnits, LayerKeptUnits, UnitKind } from '../core/model/units.js';
export type { ScoreScope } from '../core/model/score-scope.js';
export { countRows } from '../core/pairs.js';
export type { EncodingBatch, PairTable, TargetMetric } from '../core/pairs.js';
export type { CountRule, RateRange } from '../core/space/count-rule.js';
export { countsKey, decodeCounts, encodeCounts, encodePoints, toRates } from '../core/space/search-space.js';
export type { Counts, Dimension, DimensionKind, SearchSpace } from '../core/space/search-space.js';
export type { ShapeLimits } from '../core/space/shape-limits.js';

export { PrunecastError } from '../core/errors/prunecast-error.js';
export type { ErrorDetails, FieldViolation } from '../core/errors/prunecast-error.js';
export { REASONS } from '../core/errors/reasons.js';
export type { Reason } from '../core/errors/reasons.js';
export type { CanonicalCode } from '../core/errors/codes.js';

export { createRng } from '../core/random.js';
export type { Rng } from '../core/random.js';
export { expectedImprovement, normalCumulative, normalDensity } from '../core/statistics/expected-improvement.js';
export { dominates, sortIntoFronts } from '../core/statistics/pareto-fronts.js';
export type { ObjectiveValues } from '../core/statistics/pareto-fronts.js';
export { quantile } from '../core/statistics/quantile.js';
export { kendallTau, spearman } from '../core/statistics/rank-correlation.js';
export { mae, r2, rmse } from '../core/statistics/prediction-error.js';
export { selectSpread, sortByCrowding } from '../core/statistics/select-spread.js';
export { splitFolds, splitHoldOut } from '../core/statistics/splits.js';
export type { Split } from '../core/statistics/splits.js';
export { standardise } from '../core/statistics/standardise.js';
export type { Standardised } from '../core/statistics/standardise.js';
