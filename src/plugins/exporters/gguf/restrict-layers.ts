import type { ModelShape } from '../../../core/model/shape.js';
import { greatestCommon } from '../../../core/space/limit-space.js';
import type { ShapeLimits } from '../../../core/space/shape-limits.js';
import { GGUF_TYPES, type GgufType } from './write-gguf.js';

/**
 * What `planLayers` asks of all layers: rows of whole blocks, which are the channels of the FFN and the width of all
 * query heads; and of a family with normed queries and keys, which has no architecture of unlike layers, that all are
 * alike.
 */
export function restrictLayers(
  { headDim, layers, queryKeyNorms }: Pick<ModelShape, 'headDim' | 'layers' | 'queryKeyNorms'>,
  type: GgufType,
): ShapeLimits {
  const { blockValues } = GGUF_TYPES[type];
  const heads = blockValues / greatestCommon(blockValues, headDim);
  // What the query heads of a group have of it the number of groups need not have.
  const ofGroup = layers.reduce((common, { queryHeadsPerKv }) => greatestCommon(queryHeadsPerKv, common), heads);
  return {
    uniform: queryKeyNorms,
    multipleOf: { kv_heads: heads / ofGroup, query_heads_per_kv: ofGroup, ffn_channels: blockValues },
  };
}
