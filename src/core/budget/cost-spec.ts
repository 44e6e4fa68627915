import type { ModelShape } from '../model/shape.js';
import type { CostModel } from './cost-model.js';
import { createLatencyCost, type LatencyTable } from './latency-table.js';
import { createWeightCost } from './weight-bytes.js';

/**
 * What a budget limits, as plain values.
 * - `parameters`: of the exported model, tied tensors once.
 * - `weight_bytes`: its parameters, each with the width of its tensor in the checkpoint, or all with the same number of
 *   bytes.
 * - `kv_cache_bytes_per_token`: 2 * kv heads * head size * bytes per value, over all layers.
 * - `flops_per_token`: 2 * the weights of all linear maps, the head's included, + 2 * query heads * head size *
 *   `context` per layer: scores and values each take 2 * query heads * head size per visible position, and half of
 *   `context` positions are visible on average. Norms, rotations and softmax are left out, and a sliding window is
 *   counted as full attention.
 * - `latency_ms`: milliseconds per token by a table of timed shapes, counted in picoseconds.
 */
export type CostSpec =
  | { readonly kind: 'parameters' }
  | { readonly kind: 'weight_bytes'; readonly bytesPerParameter?: number }
  | { readonly kind: 'kv_cache_bytes_per_token'; readonly bytesPerValue: number }
  | { readonly kind: 'flops_per_token'; readonly context: number }
  | { readonly kind: 'latency_ms'; readonly table: LatencyTable };

/** The cost model of a specification for a model. */
export function createCostModel(shape: ModelShape, spec: CostSpec): CostModel {
  switch (spec.kind) {
    case 'parameters':
      return createWeightCost(shape, 1);
    case 'weight_bytes':
      return createWeightCost(shape, spec.bytesPerParameter);
    case 'kv_cache_bytes_per_token':
      return {
        perUnit: 1,
        fixed: 0,
        attention: (kvHeads) => 2 * kvHeads * shape.headDim * spec.bytesPerValue,
        ffn: () => 0,
      };
    case 'flops_per_token':
      return createFlopsCost(shape, spec.context);
    case 'latency_ms':
      return createLatencyCost(spec.table);
  }
}

function createFlopsCost({ hidden, headDim, vocabulary }: ModelShape, context: number): CostModel {
  return {
    perUnit: 1,
    fixed: 2 * vocabulary * hidden,
    attention: (kvHeads, queryHeadsPerKv) => {
      const queryWidth = kvHeads * queryHeadsPerKv * headDim;
      return 2 * (2 * hidden * queryWidth + 2 * hidden * kvHeads * headDim) + 2 * queryWidth * context;
    },
    ffn: (channels) => 2 * 3 * hidden * channels,
  };
}
