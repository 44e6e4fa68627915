import {
  PLAN_VERSION,
  planModel,
  planPlugin,
  planRecipe,
  planSelection,
  toPlain,
  type PlanHead,
  type PlannedModel,
  type PlannedPlugin,
  type PlannedRecipe,
  type PlannedSelection,
  type PlannedWindows,
} from './plan-document.js';
import { planPart, type PlanServices } from './plan-search.js';
import type { NamedMeasurement, ResolvedEvaluate } from './resolve-evaluate.js';

/** What an Evaluate request resolved to. */
export interface EvaluatePlan extends PlanHead {
  readonly kind: 'evaluate';
  readonly model: PlannedModel;
  readonly evaluator: PlannedPlugin;
  readonly windows: PlannedWindows;
  /** Left out if there are none. */
  readonly further?: readonly PlannedMeasurement[];
  /** null if no target needs a recipe. */
  readonly recipe: PlannedRecipe | null;
  readonly targets: readonly PlannedTarget[];
}

/** A further measurement. */
export interface PlannedMeasurement {
  readonly name: string;
  readonly evaluator: PlannedPlugin;
  readonly windows: PlannedWindows;
}

export interface PlannedTarget extends PlannedSelection {
  /** The recipe that compensated the output that the target names; null for none. */
  readonly restored: PlannedRecipe | null;
}

export function planEvaluate(
  services: PlanServices,
  { measurements: [first, ...further], recipe, restored, selections }: ResolvedEvaluate,
): EvaluatePlan {
  return toPlain<EvaluatePlan>({
    schemaVersion: PLAN_VERSION,
    kind: 'evaluate',
    model: planModel(services.model),
    ...planMeasured(services, first as NamedMeasurement),
    ...(further.length === 0
      ? {}
      : { further: further.map((own) => ({ name: own.name, ...planMeasured(services, own) })) }),
    recipe: recipe === undefined ? null : planRecipe(recipe),
    targets: selections.map((selection, index) => {
      const own = restored.get(index);
      return { ...planSelection(services, selection), restored: own === undefined ? null : planRecipe(own) };
    }),
  });
}

function planMeasured(services: PlanServices, { evaluator, plan }: NamedMeasurement) {
  return { evaluator: planPlugin(evaluator), windows: planPart(services, plan) };
}
