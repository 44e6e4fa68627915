import type { PruneRequest } from '../../gen/prunecast/v1/pruning.js';
import { Text } from '../../gen/prunecast/v1/common.js';
import type { ResolvedRecipe } from './recipe.js';
import { asksForTraining, resolveRecovery, type ResolvedRecovery } from './resolve-recovery.js';
import {
  openSpaces,
  requireUntrained,
  resolveSelection,
  type Selection,
  type SharedBudgets,
} from './resolve-selection.js';
import { decodeSpaceOptions } from './decode-space.js';
import { resolveTargets } from './resolve-targets.js';
import type { RequestServices } from './services.js';
import { withLimits } from '../../core/space/limit-space.js';

/** A PruneRequest, checked and complete, except for its output. */
export interface ResolvedPrune {
  readonly selection: Selection;
  /**
   * The request's own recipe, or that of a manifest whose output was compensated; undefined if only units are named.
   */
  readonly recipe: ResolvedRecipe | undefined;
  /** Budgets to be allocated again when the calibration errors are known. */
  readonly byError: SharedBudgets | undefined;
  /** undefined: the model is not trained. */
  readonly recovery: ResolvedRecovery | undefined;
}

/** Throws as `resolveSelection` and `RecipeSource.resolve`. */
export async function resolvePrune(services: RequestServices, request: PruneRequest): Promise<ResolvedPrune> {
  const { model, plugins, recipes } = services;
  const named = [{ recipe: request.recipe, field: 'recipe' }];
  const targets = resolveTargets({ plugins, shape: model.shape }, request, named);
  const counted = recipes.countedShape(named, withLimits(decodeSpaceOptions(request.space), targets.limits));
  const selection = await resolveSelection(
    services,
    request.selection,
    openSpaces(model.shape, counted, request.space, targets.limits),
    '',
  );
  if (request.space?.exporter !== undefined) targets.require([selection.architecture]);
  if (!asksForTraining(services, request.recovery))
    requireUntrained(selection, 'name the output itself as the model, or ask for a recovery, which trains it anew');
  const recipe = await resolveRecipe(services, request, selection);
  const knowsErrors = recipe?.compensation.plugin.needs.includes('gram') === true;
  const { origin, calibration } = recipe ?? {};
  const asked = request.recipe?.calibration;
  const text =
    asked?.text ??
    (origin === undefined || origin.path === null
      ? undefined
      : Text.fromPartial({ source: { $case: 'path', value: origin.path } }));
  const recovery = await resolveRecovery(services, request.recovery, {
    text: calibration === undefined ? undefined : text,
    ...(origin === undefined ? {} : { part: origin.part }),
    bos: asked?.bos,
  });
  return { selection, recipe, byError: knowsErrors ? selection.budgets : undefined, recovery };
}

async function resolveRecipe(
  { recipes }: RequestServices,
  { recipe }: PruneRequest,
  { keptUnits, compensated }: Selection,
): Promise<ResolvedRecipe | undefined> {
  if (compensated !== undefined) return recipes.restore(compensated, recipe?.calibration?.text);
  return keptUnits === undefined ? recipes.resolve(recipe, 'recipe') : undefined;
}
