import { z } from 'zod';
import { SCORE_SCOPES } from '../core/model/score-scope.js';
import type { Compensation } from '../core/ports/compensation.js';
import type { Criterion } from '../core/ports/criterion.js';
import type { Evaluator } from '../core/ports/evaluator.js';
import type { Exporter } from '../core/ports/exporter.js';
import type { Predictor, PredictorChooser } from '../core/ports/predictor.js';
import type { Strategy } from '../core/ports/strategy.js';

/** A plug-in as its author writes it: `options` is a Zod schema, and the methods see its output, defaults filled in. */
type Definition<Plugin, Schema extends z.ZodType> = Omit<Plugin, 'options'> & { readonly options: Schema };

/**
 * The option `scope` of criteria that score units within a layer. A criterion only declares it: the scores that it gives are
 * standardised for it where a caller asks.
 */
export const scopeOption = z
  .enum(SCORE_SCOPES)
  .default('layer')
  .describe(
    'What scores compare within. `layer`: one layer and kind of unit. `standardized`: all of them, as each score is taken minus the mean of its layer and kind, over their deviation. Ranks nothing within a layer.',
  );

/** Declares a criterion; the default export of a file under `plugins/criteria/`. */
export function defineCriterion<Schema extends z.ZodType>(criterion: Definition<Criterion<z.output<Schema>>, Schema>) {
  return criterion satisfies Criterion<z.output<Schema>>;
}

/** Declares a compensation; the default export of a file under `plugins/compensations/`. */
export function defineCompensation<Schema extends z.ZodType>(
  compensation: Definition<Compensation<z.output<Schema>>, Schema>,
) {
  return compensation satisfies Compensation<z.output<Schema>>;
}

/** Declares an evaluator; the default export of a file under `plugins/evaluators/`. */
export function defineEvaluator<Schema extends z.ZodType>(evaluator: Definition<Evaluator<z.output<Schema>>, Schema>) {
  return evaluator satisfies Evaluator<z.output<Schema>>;
}

/** Declares a predictor; the default export of a file under `plugins/predictors/`. */
export function definePredictor<Schema extends z.ZodType>(predictor: Definition<Predictor<z.output<Schema>>, Schema>) {
  return predictor satisfies Predictor<z.output<Schema>>;
}

/** Declares what chooses among predictors; the default export of a file under `plugins/predictors/`. */
export function definePredictorChooser<Schema extends z.ZodType>(
  chooser: Definition<PredictorChooser<z.output<Schema>>, Schema>,
) {
  return chooser satisfies PredictorChooser<z.output<Schema>>;
}

/** Declares a search strategy; the default export of a file under `plugins/strategies/`. */
export function defineStrategy<Schema extends z.ZodType>(strategy: Definition<Strategy<z.output<Schema>>, Schema>) {
  return strategy satisfies Strategy<z.output<Schema>>;
}

/** Declares an exporter; the default export of a file under `plugins/exporters/`. */
export function defineExporter<Schema extends z.ZodType>(exporter: Definition<Exporter<z.output<Schema>>, Schema>) {
  return exporter satisfies Exporter<z.output<Schema>>;
}
