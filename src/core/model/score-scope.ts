/**
 * Which units' scores of a criterion compare with each other. `layer`: those of one layer and kind, as the criterion
 * gives them. `standardized`: those of all layers and kinds, each score minus the mean of its layer and kind, divided
 * by their deviation (FLAP, arXiv 2312.11983). The order within a layer and kind is the same under both.
 */
export const SCORE_SCOPES = ['layer', 'standardized'] as const;
export type ScoreScope = (typeof SCORE_SCOPES)[number];

/** The scope that a criterion's complete options name; `layer` if it has no such option. */
export function scopeOf(options: unknown): ScoreScope {
  return options !== null && typeof options === 'object' && 'scope' in options && options.scope === 'standardized'
    ? 'standardized'
    : 'layer';
}

/**
 * Scores minus their mean, divided by their deviation (of the whole population), in the order given; all 0 if they are
 * all equal. Infinite scores stay as they are and count in neither.
 */
export function standardiseScores(scores: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(scores);
  const finite = values.filter((score) => Number.isFinite(score));
  const mean = finite.reduce((sum, score) => sum + score, 0) / finite.length;
  const deviation = Math.sqrt(finite.reduce((sum, score) => sum + (score - mean) ** 2, 0) / finite.length);
  return values.map((score) => (!Number.isFinite(score) ? score : deviation > 0 ? (score - mean) / deviation : 0));
}
