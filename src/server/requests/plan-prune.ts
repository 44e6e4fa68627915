import type { Budget } from '../../core/budget/budget.js';
import { DEFAULT_PLUGINS } from './defaults.js';
import {
  PLAN_VERSION,
  planModel,
  planPlugin,
  planRecipe,
  planSelection,
  toPlain,
  type PlanHead,
  type PlannedExporters,
  type PlannedModel,
  type PlannedPlugin,
  type PlannedRecipe,
  type PlannedSelection,
} from './plan-document.js';
import { writeSpace, type PlannedSpace, type PlanServices } from './plan-search.js';
import { planRecovery, type PlannedRecovery } from './resolve-recovery.js';
import type { ResolvedPrune } from './resolve-prune.js';

/** What a Prune request resolved to. */
export interface PrunePlan extends PlanHead, PlannedExporters {
  readonly kind: 'prune';
  readonly model: PlannedModel;
  /** What is kept; if budgets are allocated by calibration error, what a uniform rate would keep. */
  readonly selection: PlannedSelection;
  /** Budgets to be allocated when the calibration errors are known; null if there are none. */
  readonly shared: { readonly space: PlannedSpace; readonly budgets: readonly Budget[] } | null;
  /** Measures calibration errors if the recipe's own compensation does not report them. */
  readonly errorCompensation: PlannedPlugin;
  /** null if only units are named. */
  readonly recipe: PlannedRecipe | null;
  /** Left out if the model is not trained. */
  readonly recovery?: PlannedRecovery;
}

export function planPrune(
  services: PlanServices,
  { selection, recipe, byError, recovery }: ResolvedPrune,
  exporters: PlannedExporters,
): PrunePlan {
  return toPlain<PrunePlan>({
    schemaVersion: PLAN_VERSION,
    kind: 'prune',
    model: planModel(services.model),
    selection: planSelection(services, selection),
    shared: byError === undefined ? null : { space: writeSpace(byError.space), budgets: byError.budgets },
    recipe: recipe === undefined ? null : planRecipe(recipe),
    errorCompensation: planPlugin(
      services.plugins.resolve('compensation', undefined, DEFAULT_PLUGINS.errorCompensation, 'recipe.compensation'),
    ),
    ...exporters,
    ...(recovery === undefined ? {} : { recovery: planRecovery(recovery) }),
  });
}
