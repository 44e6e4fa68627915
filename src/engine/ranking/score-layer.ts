import type { ModelShape } from '../../core/model/shape.js';
import type { UnitScores } from '../../core/model/unit-scores.js';
import type { UnitKind } from '../../core/model/units.js';
import type { Criterion, Unit } from '../../core/ports/criterion.js';
import { createRng } from '../../core/random.js';
import { listFfnChannels, listKvGroups, listQueryHeads, type ScoredLayer } from './list-units.js';

/** A criterion with its complete options and a seed. */
export interface Scoring {
  /** Guarded: its scores are checked. */
  readonly plugin: Criterion;
  readonly options: unknown;
  readonly seed: number;
}

/** A criterion's scores of one layer's units. */
export function scoreLayer(
  shape: ModelShape,
  layer: number,
  scored: ScoredLayer,
  { plugin, options, seed }: Scoring,
): UnitScores {
  const rng = createRng(seed);
  const blockInfluence = scored.statistics?.blockInfluence;
  const score = (kind: UnitKind, units: readonly Unit[]): Float32Array => {
    if (units.length === 0) return new Float32Array();
    return plugin.score(
      {
        layer,
        kind,
        units,
        rng: rng.fork(`layers.${layer}.${kind}`),
        ...(blockInfluence === undefined ? {} : { blockInfluence }),
      },
      options,
    );
  };
  return {
    ffnChannels: score('ffn_channel', listFfnChannels(shape, scored)),
    queryHeads: score('query_head', listQueryHeads(shape, scored)),
    kvGroups: score('kv_group', listKvGroups(shape, scored)),
  };
}
