import type { Architecture, LayerArchitecture } from '../../core/model/shape.js';
import type { UnitScores } from '../../core/model/unit-scores.js';
import type { Ranking } from '../../core/model/units.js';

/**
 * The units of each layer by their scores, most important first; if scores are equal, the lower index comes first.
 *
 * @param own the unpruned architecture
 * @throws RangeError for a score that is not a number: criteria are checked before
 */
export function rankUnits(scores: readonly UnitScores[], own: Architecture): Ranking {
  return own.map(({ kvHeads, queryHeadsPerKv }: LayerArchitecture, layer) => {
    const { ffnChannels, queryHeads, kvGroups } = scores[layer] ?? NO_SCORES;
    return {
      kvGroups: sortByScore(kvGroups, `layers.${layer}.kv_groups`),
      queryHeads: Array.from({ length: kvHeads }, (_, group) =>
        sortByScore(
          queryHeads.subarray(group * queryHeadsPerKv, (group + 1) * queryHeadsPerKv),
          `layers.${layer}.query_heads`,
        ),
      ),
      ffnChannels: sortByScore(ffnChannels, `layers.${layer}.ffn_channels`),
    };
  });
}

const NO_SCORES: UnitScores = {
  ffnChannels: new Float32Array(),
  queryHeads: new Float32Array(),
  kvGroups: new Float32Array(),
};

function sortByScore(scores: Float32Array, name: string): number[] {
  const bad = scores.findIndex((score) => Number.isNaN(score));
  if (bad >= 0) throw new RangeError(`${name}: the score of unit ${bad} is not a number`);
  // Infinities can be compared, but their difference is not a number.
  return Array.from(scores, (_, unit) => unit).sort(
    (a, b) => compare(scores[b] as number, scores[a] as number) || a - b,
  );
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
