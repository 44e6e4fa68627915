import { countFixedParameters, countParameters } from '../../core/model/parameters.js';
import type { Architecture, ModelShape } from '../../core/model/shape.js';

/** Bytes of AdamW's moments, and with a rank of the matrices that factors are added to. */
export function countMomentBytes(shape: ModelShape, architecture: Architecture, rank: number): number {
  const weights = countParameters(shape, architecture) - countFixedParameters(shape);
  return rank === 0 ? 8 * weights : 4 * weights + 8 * countFactors(shape, architecture, rank);
}

/** Values of the factors of `trainFactors`. */
export function countFactors({ hidden, headDim }: ModelShape, architecture: Architecture, rank: number): number {
  return architecture
    .flatMap(({ kvHeads, queryHeadsPerKv, ffnChannels }) => {
      const [query, key] = [kvHeads * queryHeadsPerKv * headDim, kvHeads * headDim];
      return [query, query, key, key, ffnChannels, ffnChannels, ffnChannels];
    })
    .reduce((sum, rows) => sum + Math.min(rank, rows, hidden) * (rows + hidden), 0);
}
