import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Architecture, ModelShape } from '../../core/model/shape.js';
import type { Exporter } from '../../core/ports/exporter.js';
import { createRng } from '../../core/random.js';
import { joinLimits } from '../../core/space/limit-space.js';
import type { ShapeLimits } from '../../core/space/shape-limits.js';
import { decodeCounts, type SearchSpace } from '../../core/space/search-space.js';
import { ExportTarget, type PluginRef, type Recipe, type SearchSpaceSpec } from '../../gen/prunecast/v1/common.js';
import type { ExportSpec } from '../../gen/prunecast/v1/pruning.js';
import { DEFAULT_PLUGINS } from './defaults.js';
import { findHardestArchitecture } from './hardest-architecture.js';
import { planPlugin, type PlannedPlugin } from './plan-document.js';
import type { PluginLookup } from './plugin-lookup.js';

/** The exporters that must be able to write every architecture of a request. */
export interface ExportTargets {
  /** What they ask of all layers. */
  readonly limits: ShapeLimits;
  /** Those that ask for something, for the plan of the request. */
  readonly planned: readonly PlannedPlugin[];
  /** Refuses architectures that one of them cannot write. Throws EXPORT_UNSUPPORTED. */
  require(architectures: Iterable<Architecture>): void;
}

/** What of a request names exporters. */
export interface AskedTargets {
  readonly space: SearchSpaceSpec | undefined;
  readonly exporter?: PluginRef | undefined;
  readonly exports?: readonly ExportSpec[];
}

interface Target {
  readonly plugin: Exporter;
  readonly options: unknown;
  readonly field: string;
}

/**
 * The exporter of the request's space, and those of its output.
 *
 * @param recipes those whose compensation decides whether there are biases that the model lacks, with their paths
 * @throws PrunecastError PLUGIN_NOT_FOUND, INVALID_OPTIONS, SPACE_INVALID if the space asks for what an exporter excludes
 */
export function resolveTargets(
  { plugins, shape }: { readonly plugins: PluginLookup; readonly shape: ModelShape },
  asked: AskedTargets,
  recipes: readonly { readonly recipe: Recipe | undefined; readonly field: string }[],
): ExportTargets {
  const targets = listRefs(asked).map(({ ref, field }): Target => {
    const { plugin, options } = plugins.resolve('exporter', ref, DEFAULT_PLUGINS.exporter, field);
    return { plugin: plugin as Exporter, options, field };
  });
  const addsBias = recipes.some(({ recipe, field }) => {
    const fallback = DEFAULT_PLUGINS.compensation;
    return plugins.resolve('compensation', recipe?.compensation, fallback, `${field}.compensation`).plugin.addsBias;
  });
  const biases = addsBias ? 'added' : 'none';
  const limited = targets.map((target) => ({
    target,
    limits: joinLimits([target.plugin.restrict?.(shape, biases, target.options) ?? {}]),
  }));
  for (const { target, limits } of limited) if (limits.uniform === true) refuseUneven(asked.space, target);
  return {
    limits: joinLimits(limited.map(({ limits }) => limits)),
    planned: limited
      .filter(({ limits }) => Object.keys(limits).length > 0)
      .map(({ target }) => planPlugin<'exporter'>(target)),
    require: (architectures) => {
      for (const architecture of architectures)
        for (const { plugin, options, field } of targets) {
          const supported = plugin.supports(shape, architecture, biases, options);
          if (supported.ok) continue;
          throw PrunecastError.ofField(
            field,
            `the exporter "${plugin.id}" cannot write what is asked for: ${supported.reason}. Change the space, or take other options or another exporter`,
            'EXPORT_UNSUPPORTED',
          );
        }
    },
  };
}

function listRefs({ space, exporter, exports = [] }: AskedTargets) {
  return [
    ...(space?.exporter === undefined ? [] : [{ ref: space.exporter, field: 'space.exporter' }]),
    ...(exporter === undefined ? [] : [{ ref: exporter, field: 'exporter' }]),
    ...exports.map((each, index) => ({ ref: each.exporter, field: `exports[${index}].exporter` })),
  ];
}

/** Throws SPACE_INVALID for a space whose layers differ by what the request says itself. */
function refuseUneven(space: SearchSpaceSpec | undefined, { plugin, field }: Target): void {
  const needs = `and the exporter "${plugin.id}" (${field}) needs layers that are all alike with these options`;
  if ((space?.protectedLayers?.layers.length ?? 0) > 0)
    throw PrunecastError.ofField(
      'space.protected_layers',
      `keeps layers whole, ${needs}: leave it out, or take other options`,
      'SPACE_INVALID',
    );
  if (space?.target === ExportTarget.PER_LAYER)
    throw PrunecastError.ofField(
      'space.target',
      `lets layers differ, ${needs}: leave it out, or take other options`,
      'SPACE_INVALID',
    );
}

/** How many architectures of a space are drawn at random. */
const DRAWN = 32;

/**
 * Architectures of a space to ask exporters about before a search begins: what `restrict` cannot say, such as layers that
 * the space leaves as they are, is found then.
 */
export function* drawArchitectures(space: SearchSpace): Generator<Architecture> {
  yield findHardestArchitecture(space, 0);
  const rng = createRng(0);
  for (let drawn = 0; drawn < DRAWN; drawn += 1)
    yield decodeCounts(
      space,
      space.dimensions.map(({ counts, size }) => counts[rng.integer(counts.length)] ?? size),
    );
}
