import { standardiseScores, type ScoreScope } from '../../core/model/score-scope.js';
import type { UnitScores } from '../../core/model/unit-scores.js';

/** A layer's scores on the scale of a scope; units are always ranked by the criterion's own scores. */
export function scopeScores(scores: UnitScores, scope: ScoreScope): UnitScores {
  if (scope === 'layer') return scores;
  const { ffnChannels, queryHeads, kvGroups } = scores;
  return {
    ffnChannels: standardise(ffnChannels),
    queryHeads: standardise(queryHeads),
    kvGroups: standardise(kvGroups),
  };
}

/**
 * Raise it whenever the engine computes other scores than before: scores stored under another number are not used
 * again.
 */
export const SCORES_REVISION = 1;

function standardise(values: Float32Array): Float32Array {
  return Float32Array.from(standardiseScores(values));
}
