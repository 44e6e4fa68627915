import { canonicalJson } from '../../core/canonical-json.js';
import type { Budget } from '../../core/budget/budget.js';
import { measureCost } from '../../core/budget/cost-model.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Architecture, ModelShape } from '../../core/model/shape.js';
import {
  architectureOf,
  rankKeptFirst,
  selectKeptUnits,
  type KeptUnits,
  type Ranking,
} from '../../core/model/units.js';
import { validateArchitecture } from '../../core/model/validate-architecture.js';
import { decodeCounts, type SearchSpace } from '../../core/space/search-space.js';
import type { ShapeLimits } from '../../core/space/shape-limits.js';
import { snapRates, type SnappedRate } from '../../core/space/snap-rates.js';
import type { SearchSpaceSpec } from '../../gen/prunecast/v1/common.js';
import type { EvaluateTarget, PruneRequest } from '../../gen/prunecast/v1/pruning.js';
import { findUniformPaper } from '../../search/controls/uniform.js';
import { decodeArchitecture, decodeKeptUnits } from './decode-architecture.js';
import { keptCount } from '../../core/space/count-rule.js';
import { createCostModel } from '../../core/budget/cost-spec.js';
import { decodeBudgets } from './decode-budgets.js';
import { DEFAULT_MAX_RATE } from './defaults.js';
import type { RequestServices } from './services.js';
import { decodeSpace } from './decode-space.js';
import { parseManifest, type ManifestRecipe } from './decode-manifest.js';

/** What is kept of a model, as a request says it. */
export interface Selection {
  readonly architecture: Architecture;
  /** The exact units if the caller named them; undefined: the recipe chooses. */
  readonly keptUnits: KeptUnits | undefined;
  /** The recipe that compensated those units if a manifest has one, and the manifest's path in the request. */
  readonly compensated?: { readonly recipe: ManifestRecipe; readonly field: string };
  /** The path in the request of a manifest whose output was trained: its weights are not those that the recipe gives. */
  readonly trained?: string;
  readonly snapped: readonly SnappedRate[];
  /** How a budget was allocated; empty if none was given. */
  readonly allocation: string;
  /** The budgets, for callers that can allocate them better; undefined if none was given. */
  readonly budgets?: SharedBudgets;
}

export interface SharedBudgets {
  readonly space: SearchSpace;
  readonly budgets: readonly Budget[];
  /** Their path in the request. */
  readonly field: string;
}

/**
 * The space that a request's rates and budgets refer to, with the model's own sizes and as budgets count them; each is
 * made once, when it is first needed.
 */
export interface SelectionSpaces {
  readonly own: () => SearchSpace;
  readonly counted: () => SearchSpace;
}

/**
 * @param counted the model's sizes as budgets count them
 * @param limits what the layers of each architecture have to keep to
 */
export function openSpaces(
  shape: ModelShape,
  counted: ModelShape,
  spec: SearchSpaceSpec | undefined,
  limits: ShapeLimits,
): SelectionSpaces {
  const once = (sizes: ModelShape): (() => SearchSpace) => {
    let space: SearchSpace | undefined;
    return () => (space ??= decodeSpace(sizes, spec, { maxRate: DEFAULT_MAX_RATE, limits }));
  };
  return { own: once(shape), counted: once(counted) };
}

/** Every way in which Prune and Evaluate name an architecture. */
type Asked = PruneRequest['selection'] | EvaluateTarget['target'];

/** What a selection is read from. */
export type SelectionSources = Pick<RequestServices, 'model' | 'readManifest'>;

/**
 * @param field the selection's path in the request; empty at the top
 * @throws PrunecastError INVALID_REQUEST, ARCHITECTURE_INVALID, SPACE_INVALID, BUDGET_INFEASIBLE, OUTPUT_NOT_FOUND,
 * PATH_OUTSIDE_ROOTS
 */
export async function resolveSelection(
  { model, readManifest }: SelectionSources,
  asked: Asked,
  spaces: SelectionSpaces,
  field: string,
): Promise<Selection> {
  const { shape } = model;
  const at = (name: string): string => (field === '' ? name : `${field}.${name}`);
  switch (asked?.$case) {
    case 'dense':
      return named(shape.layers);
    case 'architecture': {
      const architecture = decodeArchitecture(asked.value);
      validateArchitecture(shape, architecture, at('architecture'));
      return named(architecture);
    }
    case 'uniformRate': {
      const space = spaces.own();
      return named(
        decodeCounts(
          space,
          space.dimensions.map(({ size, rule }) => keptCount(size, asked.value, rule.multipleOf)),
        ),
      );
    }
    case 'dimensionRates': {
      const space = spaces.own();
      const { counts, snapped } = snapRates(space, asked.value.rates, at('dimension_rates.rates'));
      return { ...named(decodeCounts(space, counts)), snapped };
    }
    case 'budgets': {
      const shared = {
        space: spaces.counted(),
        budgets: await decodeBudgets(model, asked.value.budgets, at('budgets.budgets')),
        field: at('budgets.budgets'),
      };
      return { ...named(shareOut(shared)), allocation: 'uniform-paper', budgets: shared };
    }
    case 'keptUnits':
      return exact(shape, decodeKeptUnits(asked.value, shape.layers), at('kept_units'));
    case 'manifest':
      return fromManifest(shape, asked.value, at('manifest'));
    case 'earlierOutput': {
      const field = at('earlier_output');
      return fromManifest(shape, await readManifest(asked.value, field), field);
    }
    case undefined:
      throw PrunecastError.ofField(
        field === '' ? 'selection' : field,
        'does not say what to keep: give an architecture, a rate, rates by dimension, budgets, kept units, a manifest or an earlier output',
      );
  }
}

/**
 * Refuses the manifest of a compensated output whose units are not those that its recipe keeps: such weights were never
 * written. Throws INVALID_REQUEST.
 */
export function requireSameUnits(
  { architecture, keptUnits, compensated }: Selection,
  { ranking }: { readonly ranking: Ranking },
  { layers }: ModelShape,
): void {
  if (compensated === undefined || keptUnits === undefined) return;
  if (canonicalJson(sortUnits(selectKeptUnits(ranking, architecture, layers))) === canonicalJson(sortUnits(keptUnits)))
    return;
  throw PrunecastError.ofField(
    `${compensated.field}.kept_units`,
    'are not those that the recipe of this manifest keeps: it was changed, or another version wrote it; name the output itself as the model',
  );
}

/**
 * Refuses the manifest of a trained output, which says how its weights were before their training alone. Throws
 * INVALID_REQUEST.
 *
 * @param cure what to ask for instead
 */
export function requireUntrained({ trained }: Selection, cure: string): void {
  if (trained !== undefined)
    throw PrunecastError.ofField(
      `${trained}.recovery`,
      `says that this output was trained, and a manifest does not hold trained weights: ${cure}`,
    );
}

function sortUnits(kept: KeptUnits): number[][][] {
  return kept.map(({ kvGroups, queryHeads, ffnChannels }) =>
    [kvGroups, queryHeads, ffnChannels].map((list) => list.toSorted((a, b) => a - b)),
  );
}

function named(architecture: Architecture): Selection {
  return { architecture, keptUnits: undefined, snapped: [], allocation: '' };
}

function exact(shape: ModelShape, keptUnits: KeptUnits, field: string): Selection {
  rankKeptFirst(keptUnits, shape.layers, field);
  return { architecture: architectureOf(keptUnits), keptUnits, snapped: [], allocation: '' };
}

function fromManifest(shape: ModelShape, manifest: unknown, field: string): Selection {
  const { keptUnits, recipe, trained } = parseManifest(manifest, field);
  return {
    ...exact(shape, keptUnits, `${field}.kept_units`),
    ...(recipe === undefined ? {} : { compensated: { recipe, field } }),
    ...(trained ? { trained: field } : {}),
  };
}

function shareOut({ space, budgets, field }: SharedBudgets): Architecture {
  const uniform = findUniformPaper(space, budgets);
  if (uniform !== undefined) return decodeCounts(space, uniform.counts);
  const least = decodeCounts(
    space,
    space.dimensions.map(({ kind, size, rule }) => (kind === 'query_heads_per_kv' ? size : rule.multipleOf)),
  );
  const index = budgets.findIndex(
    (budget) => measureCost(createCostModel(space.shape, budget.cost), least) > budget.limit,
  );
  const budget = budgets[index] as Budget;
  const model = createCostModel(space.shape, budget.cost);
  const [limit, nearest] = [budget.limit / model.perUnit, measureCost(model, least) / model.perUnit];
  throw new PrunecastError(
    'BUDGET_INFEASIBLE',
    `the budget allows ${limit} (${budget.cost.kind}), the smallest uniform architecture has ${nearest}: raise the budget or protect fewer layers`,
    {
      metadata: { limit: String(limit), nearest: String(nearest) },
      violations: [{ field: `${field}[${index}]`, description: `the nearest that can be met is ${nearest}` }],
    },
  );
}
