import type { Architecture, ModelShape } from '../../../core/model/shape.js';
import { FFN_MULTIPLE } from '../../../engine/checkpoint/nemotron-nas-form.js';

/**
 * Why `DeciLMForCausalLM` cannot hold an architecture, with the way out; undefined: it can. The rules are those of vLLM
 * (vllm/model_executor/models/nemotron_nas.py).
 *
 * @param shape sizes and biases of the result; its `layers` are not used
 */
export function findDecilmMisfit(shape: ModelShape, architecture: Architecture): string | undefined {
  const found =
    findModelMisfit(shape) ??
    findQueryHeadMisfit(architecture) ??
    findWidthMisfit(architecture) ??
    findStart(architecture);
  return found === undefined ? undefined : `form decilm: ${found}; or take form auto`;
}

function findModelMisfit({ family, queryKeyNorms, droppedBiases }: ModelShape): string | undefined {
  if (queryKeyNorms) return `${family} has norms of queries and keys, which DeciLMForCausalLM lacks`;
  return droppedBiases === true
    ? 'a dropped half-block leaves a bias, which DeciLMForCausalLM has no place for: take a compensation that adds no biases'
    : undefined;
}

/** Its attention has `num_attention_heads` query heads in every layer that has any. */
function findQueryHeadMisfit(architecture: Architecture): string | undefined {
  const kept = architecture
    .map(({ kvHeads, queryHeadsPerKv }, layer) => ({ layer, queryHeads: kvHeads * queryHeadsPerKv }))
    .filter(({ queryHeads }) => queryHeads > 0);
  const other = kept.find(({ queryHeads }) => queryHeads !== kept[0]?.queryHeads);
  return other === undefined
    ? undefined
    : `layer ${kept[0]?.layer} has ${kept[0]?.queryHeads} query heads and layer ${other.layer} has ${other.queryHeads}; all layers that keep their attention need as many: prune ffn_channels alone, or drop whole attention halves`;
}

function findWidthMisfit(architecture: Architecture): string | undefined {
  const layer = architecture.findIndex(({ ffnChannels }) => ffnChannels % FFN_MULTIPLE !== 0);
  return layer === -1
    ? undefined
    : `layer ${layer} has ${architecture[layer]?.ffnChannels} FFN channels; multiples of ${FFN_MULTIPLE} are possible: set channel_multiple to ${FFN_MULTIPLE} in the search space`;
}

/** vLLM begins the residual stream in an attention; an FFN before the first one fails there. */
function findStart(architecture: Architecture): string | undefined {
  const first = architecture.findIndex(({ kvHeads, ffnChannels }) => kvHeads > 0 || ffnChannels > 0);
  if (first === -1) return 'no layer keeps anything: prune less';
  return architecture[first]?.kvHeads === 0
    ? `layer ${first} has an FFN and no attention before it, and vLLM begins with one: keep the attention of layer ${first}`
    : undefined;
}
