import { z } from 'zod';
import { SCORE_SCOPES } from '../core/model/score-scope.js';
import type { Compensation } from '../core/ports/compensation.js';
import type { Criterion, ModelCriterion } from '../core/ports/criterion.js';
import type { ModelEvaluator, RowsEvaluator, TextEvaluator } from '../core/ports/evaluator.js';
import type { Exporter } from '../core/ports/exporter.js';
import type { PluginContext } from '../core/ports/plugin-context.js';
import { PLUGIN_API_VERSION } from '../core/ports/plugin.js';
import type { Predictor, PredictorChooser } from '../core/ports/predictor.js';
import type { Recovery } from '../core/ports/recovery.js';
import type { DeferredRun, Strategy, StrategyRun } from '../core/ports/strategy.js';

/**
 * A plug-in as its author writes it. `options` is a Zod schema, and the methods get its output, with defaults filled
 * in; all that work get a `PluginContext`. `define...` adds the kind and the version of the plug-in interface.
 */
export type Definition<Plugin, Schema extends z.ZodType> = Omit<Plugin, 'kind' | 'apiVersion' | 'options'> & {
  readonly options: Schema;
};

/**
 * The option `scope` of criteria that score units within a layer. A criterion only declares it: its scores are
 * standardised afterwards if the caller asks for it.
 */
export const scopeOption = z
  .enum(SCORE_SCOPES)
  .default('layer')
  .describe(
    'What scores compare within. `layer`: one layer and kind of unit. `standardized`: all of them, as each score is taken minus the mean of its layer and kind, over their deviation. Ranks nothing within a layer.',
  );

/** Declares a criterion, which scores units layer by layer, or the whole model from its checkpoint. */
export function defineCriterion<Schema extends z.ZodType>(
  criterion: Definition<Criterion<z.output<Schema>, PluginContext>, Schema>,
): Criterion<z.output<Schema>>;
export function defineCriterion<Schema extends z.ZodType>(
  criterion: Definition<ModelCriterion<z.output<Schema>, PluginContext>, Schema>,
): ModelCriterion<z.output<Schema>>;
export function defineCriterion(criterion: object): object {
  return { ...criterion, kind: 'criterion', apiVersion: PLUGIN_API_VERSION };
}

/** Declares a compensation. */
export function defineCompensation<Schema extends z.ZodType>(
  compensation: Definition<Compensation<z.output<Schema>, PluginContext>, Schema>,
): Compensation<z.output<Schema>> {
  return { ...compensation, kind: 'compensation', apiVersion: PLUGIN_API_VERSION };
}

/** Declares an evaluator, which reads a text, rows of files, or nothing but the model. */
export function defineEvaluator<Schema extends z.ZodType>(
  evaluator: Definition<TextEvaluator<z.output<Schema>, PluginContext>, Schema>,
): TextEvaluator<z.output<Schema>>;
export function defineEvaluator<Schema extends z.ZodType>(
  evaluator: Definition<RowsEvaluator<z.output<Schema>, PluginContext>, Schema>,
): RowsEvaluator<z.output<Schema>>;
export function defineEvaluator<Schema extends z.ZodType>(
  evaluator: Definition<ModelEvaluator<z.output<Schema>, PluginContext>, Schema>,
): ModelEvaluator<z.output<Schema>>;
export function defineEvaluator(evaluator: object): object {
  return { ...evaluator, kind: 'evaluator', apiVersion: PLUGIN_API_VERSION };
}

/** Declares a predictor. */
export function definePredictor<Schema extends z.ZodType>(
  predictor: Definition<Predictor<z.output<Schema>, PluginContext>, Schema>,
): Predictor<z.output<Schema>> {
  return { ...predictor, kind: 'predictor', apiVersion: PLUGIN_API_VERSION };
}

/** Declares a predictor that stands for the best of others. */
export function definePredictorChooser<Schema extends z.ZodType>(
  chooser: Definition<PredictorChooser<z.output<Schema>>, Schema>,
): PredictorChooser<z.output<Schema>> {
  return { ...chooser, kind: 'predictor', apiVersion: PLUGIN_API_VERSION };
}

/** Declares a search strategy. */
export function defineStrategy<Schema extends z.ZodType, Run extends StrategyRun | DeferredRun>(
  strategy: Definition<Strategy<z.output<Schema>, Run, PluginContext>, Schema>,
): Strategy<z.output<Schema>, Run> {
  return { ...strategy, kind: 'strategy', apiVersion: PLUGIN_API_VERSION };
}

/** Declares an exporter. */
export function defineExporter<Schema extends z.ZodType>(
  exporter: Definition<Exporter<z.output<Schema>, PluginContext>, Schema>,
): Exporter<z.output<Schema>> {
  return { ...exporter, kind: 'exporter', apiVersion: PLUGIN_API_VERSION };
}

/** Declares a recovery. */
export function defineRecovery<Schema extends z.ZodType>(
  recovery: Definition<Recovery<z.output<Schema>, PluginContext>, Schema>,
): Recovery<z.output<Schema>> {
  return { ...recovery, kind: 'recovery', apiVersion: PLUGIN_API_VERSION };
}
