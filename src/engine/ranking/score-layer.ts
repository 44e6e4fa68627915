import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { ModelShape } from '../../core/model/shape.js';
import type { UnitKind } from '../../core/model/units.js';
import type { Criterion, Unit } from '../../core/ports/criterion.js';
import { createRng } from '../../core/random.js';
import { listFfnChannels, listKvGroups, listQueryHeads, type ScoredLayer } from './list-units.js';
import type { UnitScores } from '../../core/model/unit-scores.js';

export interface ScoringRecipe {
  readonly plugin: Criterion;
  readonly options: unknown;
  readonly seed: number;
}

/**
 * A criterion's scores of one layer's units.
 *
 * @throws PrunecastError SCORES_INVALID where the criterion gives another number of scores than there are units
 */
export function scoreLayer(
  shape: ModelShape,
  layer: number,
  scored: ScoredLayer,
  { plugin, options, seed }: ScoringRecipe,
): UnitScores {
  const rng = createRng(seed);
  const blockInfluence = scored.statistics?.blockInfluence;
  const score = (kind: UnitKind, units: readonly Unit[]): Float32Array => {
    if (units.length === 0) return new Float32Array();
    const scores = plugin.score(
      {
        layer,
        kind,
        units,
        rng: rng.fork(`layers.${layer}.${kind}`),
        ...(blockInfluence === undefined ? {} : { blockInfluence }),
      },
      options,
    );
    if (scores.length === units.length) return scores;
    throw new PrunecastError(
      'SCORES_INVALID',
      `criterion "${plugin.id}" gave ${scores.length} scores for the ${units.length} units of kind ${kind} in layer ${layer}`,
      {
        metadata: { criterion: plugin.id, layer: String(layer), kind },
      },
    );
  };
  return {
    ffnChannels: score('ffn_channel', listFfnChannels(shape, scored)),
    queryHeads: score('query_head', listQueryHeads(shape, scored)),
    kvGroups: score('kv_group', listKvGroups(shape, scored)),
  };
}
