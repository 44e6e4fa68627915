import { countFixedParameters, countParameters } from '../../core/model/parameters.js';
import type { Architecture, ModelShape } from '../../core/model/shape.js';

/** Bytes of AdamW's moments, and with a rank of the matrices that factors are added to. */
export function countMomentBytes(shape: ModelShape, architecture: Architecture, rank: number): number {
  const weights = countWeights(shape, architecture);
  return rank === 0 ? 8 * weights : 4 * weights + 8 * countFactors(shape, architecture, rank);
}

/**
 * Most bytes of a training's folder. Without a rank: the best weights, and two states while one is written, each of the
 * weights and their two moments. With one: the weights before, the best, and those that are being written, and two
 * states of the factors and their moments.
 */
export function countFolderBytes(shape: ModelShape, architecture: Architecture, rank: number): number {
  const weights = countWeights(shape, architecture);
  return rank === 0 ? (4 + 2 * 12) * weights : 3 * 4 * weights + 2 * 12 * countFactors(shape, architecture, rank);
}

function countWeights(shape: ModelShape, architecture: Architecture): number {
  return countParameters(shape, architecture) - countFixedParameters(shape);
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
