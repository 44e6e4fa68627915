import { addOutputBiases } from '../../../core/model/add-output-biases.js';
import type { ModelShape } from '../../../core/model/shape.js';
import { findMultiple } from '../../../core/space/limit-space.js';
import type { ShapeLimits } from '../../../core/space/shape-limits.js';
import { FFN_MULTIPLE } from '../../../engine/checkpoint/nemotron-nas-form.js';
import { chooseForm } from './choose-form.js';

/**
 * What a form asks of all layers: stock ones that all are alike, with a number of heads that the model type can hold;
 * DeciLM as `findDecilmMisfit` has it.
 */
export function restrictForm(
  shape: ModelShape,
  biases: 'none' | 'added',
  form: Parameters<typeof chooseForm>[2],
): ShapeLimits {
  const [first] = shape.layers;
  if (first === undefined) return {};
  if (form === 'decilm')
    return {
      // A dropped half leaves its bias; and the first layer has to have an attention.
      keepsHalves: biases === 'added' ? true : [0],
      multipleOf: {
        kv_heads: Math.max(1, first.kvHeads),
        query_heads_per_kv: Math.max(1, first.queryHeadsPerKv),
        ffn_channels: FFN_MULTIPLE,
      },
    };
  if (form !== 'stock') return {};
  const isStock = (kvHeads: number): boolean => {
    const architecture = shape.layers.map(() => ({ ...first, kvHeads }));
    const written = biases === 'added' ? addOutputBiases(shape, architecture) : shape;
    return chooseForm(written, architecture, form).kind === 'stock';
  };
  return { uniform: true, multipleOf: { kv_heads: findMultiple(first.kvHeads, isStock) } };
}
