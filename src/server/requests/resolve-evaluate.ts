import { setImmediate } from 'node:timers/promises';
import type { EvaluationPlan } from '../../core/ports/evaluator.js';
import type { EvaluateRequest, EvaluateTarget } from '../../gen/prunecast/v1/pruning.js';
import { architectureKey } from '../../core/model/architecture-key.js';
import { planWindows } from './decode-windows.js';
import { DEFAULT_PLUGINS } from './defaults.js';
import type { ResolvedRecipe } from './recipe.js';
import { openSpaces, requireUntrained, resolveSelection, type Selection } from './resolve-selection.js';
import type { RequestServices } from './services.js';
import type { ResolvedPlugin } from './plugin-lookup.js';

/** An EvaluateRequest, checked and complete. */
export interface ResolvedEvaluate {
  /** One per target, in the order of the request. */
  readonly selections: readonly Selection[];
  readonly evaluator: ResolvedPlugin<'evaluator'>;
  readonly plan: EvaluationPlan;
  /** undefined if no target needs a recipe. */
  readonly recipe: ResolvedRecipe | undefined;
  /** The recipes of manifests whose outputs were compensated, by target. */
  readonly restored: ReadonlyMap<number, ResolvedRecipe>;
}

/** The targets of a request that names none. */
const DENSE: EvaluateTarget = { target: { $case: 'dense', value: {} } };

/** Throws as `resolveSelection`, `planWindows` and `RecipeSource.resolve`, and MEMORY_EXCEEDED. */
export async function resolveEvaluate(services: RequestServices, request: EvaluateRequest): Promise<ResolvedEvaluate> {
  const { model, plugins, recipes } = services;
  const { shape } = model;
  const targets = request.targets.length === 0 ? [DENSE] : request.targets;
  const counted = recipes.countedShape([{ recipe: request.recipe, field: 'recipe' }], request.space);
  const spaces = openSpaces(shape, counted, request.space);
  const selections: Selection[] = [];
  for (const [index, { target }] of targets.entries()) {
    await setImmediate(); // the exact units of a large model take milliseconds
    const selection = await resolveSelection(services, target, spaces, `targets[${index}]`);
    requireUntrained(selection, 'evaluate the output itself, as the model');
    selections.push(selection);
  }
  const evaluator = plugins.resolve(
    'evaluator',
    request.measurement?.evaluator,
    DEFAULT_PLUGINS.evaluator,
    'measurement.evaluator',
  );
  const limit = request.fidelity?.tokenLimit;
  const text = await services.loadText(
    request.measurement?.text,
    'measurement.text',
    limit === undefined ? undefined : Number(limit),
  );
  const plan = await planWindows(model, evaluator, {
    text,
    windows: request.measurement?.windows,
    fidelity: request.fidelity,
    fields: { text: 'measurement.text', windows: 'measurement.windows', fidelity: 'fidelity' },
  });
  model.requireMemory({ longest: plan.measurement.window, precision: plan.fidelity.precision });
  const dense = architectureKey(shape.layers);
  const needsRecipe = selections.some(
    ({ keptUnits, architecture }) => keptUnits === undefined && architectureKey(architecture) !== dense,
  );
  const recipe = needsRecipe ? await recipes.resolve(request.recipe, 'recipe') : undefined;
  const restored = new Map<number, ResolvedRecipe>();
  for (const [index, { compensated }] of selections.entries()) {
    if (compensated !== undefined)
      restored.set(index, await recipes.restore(compensated, request.recipe?.calibration?.text));
  }
  return { selections, evaluator, plan, recipe, restored };
}
