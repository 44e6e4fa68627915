import type { EvaluationPlan } from '../../core/ports/evaluator.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { MeasurementSpec } from '../../gen/prunecast/v1/common.js';
import type { EvaluateRequest, EvaluateTarget } from '../../gen/prunecast/v1/pruning.js';
import { architectureKey } from '../../core/model/architecture-key.js';
import { DEFAULT_PLUGINS } from './defaults.js';
import type { ResolvedRecipe } from './recipe.js';
import { openSpaces, requireUntrained, resolveSelection, type Selection } from './resolve-selection.js';
import { decodeSpaceOptions } from './decode-space.js';
import { resolveTargets } from './resolve-targets.js';
import type { RequestServices } from './services.js';
import { withLimits } from '../../core/space/limit-space.js';
import { planMeasurement } from './plan-measurement.js';
import { resolveFurther, type NamedEvaluator } from './resolve-further.js';

/** What an evaluator measures for a request. */
export interface NamedMeasurement extends NamedEvaluator {
  readonly plan: EvaluationPlan;
}

/** An EvaluateRequest, checked and complete. */
export interface ResolvedEvaluate {
  /** One per target, in the order of the request. */
  readonly selections: readonly Selection[];
  /** The first one, and the further ones. */
  readonly measurements: readonly NamedMeasurement[];
  /** undefined if no target needs a recipe. */
  readonly recipe: ResolvedRecipe | undefined;
  /** The recipes of manifests whose outputs were compensated, by target. */
  readonly restored: ReadonlyMap<number, ResolvedRecipe>;
}

/** The targets of a request that names none. */
const DENSE: EvaluateTarget = { target: { $case: 'dense', value: {} } };

/**
 * Throws as `resolveSelection`, `planMeasurement` and `RecipeSource.resolve`.
 *
 * @param breathe lets others run, and a cancel through
 */
export async function resolveEvaluate(
  services: RequestServices,
  request: EvaluateRequest,
  breathe: () => Promise<void>,
): Promise<ResolvedEvaluate> {
  const { model, plugins, recipes } = services;
  const { shape } = model;
  const targets = request.targets.length === 0 ? [DENSE] : request.targets;
  const asked = [{ recipe: request.recipe, field: 'recipe' }];
  const { limits } = resolveTargets({ plugins, shape }, request, asked);
  const counted = recipes.countedShape(asked, withLimits(decodeSpaceOptions(request.space), limits));
  const spaces = openSpaces(shape, counted, request.space, limits);
  const selections: Selection[] = [];
  for (const [index, { target }] of targets.entries()) {
    await breathe(); // the exact units of a large model take milliseconds
    const selection = await resolveSelection(services, target, spaces, `targets[${index}]`);
    requireUntrained(selection, 'evaluate the output itself, as the model');
    selections.push(selection);
  }
  const measurements = await planMeasurements(services, request);
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
  return { selections, measurements, recipe, restored };
}

/** The measurement of a request, and its further ones. */
async function planMeasurements(
  services: RequestServices,
  { measurement, fidelity, furtherMeasurements }: EvaluateRequest,
): Promise<NamedMeasurement[]> {
  const { plugins } = services;
  const first = plugins.resolve(
    'evaluator',
    measurement?.evaluator,
    DEFAULT_PLUGINS.evaluator,
    'measurement.evaluator',
  );
  refuseInFirst(measurement);
  const asked = [
    { name: '', evaluator: first, spec: measurement, fidelity, field: 'measurement', fidelityField: 'fidelity' },
    ...resolveFurther(plugins, furtherMeasurements).map((own, index) => {
      const spec = furtherMeasurements[index];
      const field = `further_measurements[${index}]`;
      const isOwn = spec?.fidelity !== undefined;
      return {
        ...own,
        spec,
        fidelity: isOwn ? spec.fidelity : fidelity,
        field,
        fidelityField: isOwn ? `${field}.fidelity` : 'fidelity',
      };
    }),
  ];
  const planned: NamedMeasurement[] = [];
  for (const { name, evaluator, spec, fidelity: own, field, fidelityField } of asked) {
    const { plan } = await planMeasurement(services, evaluator, {
      text: spec?.text,
      textTokens: own?.tokenLimit === undefined ? undefined : Number(own.tokenLimit),
      windows: spec?.windows ?? (evaluator.plugin.reads === 'text' ? measurement?.windows : undefined),
      fidelity: own,
      fields: {
        evaluator: `${field}.evaluator`,
        text: `${field}.text`,
        windows: `${field}.windows`,
        fidelity: fidelityField,
      },
    });
    planned.push({ name, evaluator, plan });
  }
  return planned;
}

/** Throws INVALID_REQUEST for a field of further measurements in the first one. */
function refuseInFirst(measurement: MeasurementSpec | undefined): void {
  if (measurement !== undefined && measurement.name !== '')
    throw PrunecastError.ofField('measurement.name', 'is set: only further measurements have names');
  if (measurement?.fidelity !== undefined)
    throw PrunecastError.ofField('measurement.fidelity', 'is set: name it in `fidelity`');
}
