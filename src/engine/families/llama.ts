import { readFlag } from '../config/config-fields.js';
import { DECODER_NAMES, type Family, type StockForm } from './family.js';
import { MISTRAL } from './mistral.js';
import { NEMOTRON_NAS } from './nemotron-nas.js';

/**
 * Llama 1 to 3 and models built like them, Nemotron-NAS among them, where each layer has sizes of its own.
 * `attention_bias` adds a bias to q, k, v and o, `mlp_bias` to gate, up and down.
 */
export const LLAMA: Family = {
  id: 'llama',
  architecture: 'LlamaForCausalLM',
  modelling: { classPrefix: 'Llama', module: 'llama' },
  llamaCpp: MISTRAL.llamaCpp,
  claims: (_config, modelType) => modelType === NEMOTRON_NAS,
  names: DECODER_NAMES,
  foreignForms: [
    {
      has: /^consolidated.*\.pth$/,
      is: (name) =>
        `it has ${name}, weights in Meta's form; convert it: python -m transformers.models.llama.convert_llama_weights_to_hf --input_dir FOLDER --output_dir NEW`,
    },
  ],
  queryKeyNorms: false,
  defaults: { maxPositions: 2048, headDim: undefined },
  readBiases: (config) => {
    const attention = readFlag(config, 'attention_bias', { fallback: false });
    return {
      // Nemotron-NAS alone has it; LlamaConfig would carry one along unread.
      queryKeyValue:
        config['model_type'] === NEMOTRON_NAS ? readFlag(config, 'qkv_bias', { fallback: attention }) : attention,
      attentionOutput: attention,
      ffn: readFlag(config, 'mlp_bias', { fallback: false }),
    };
  },
  stateStockForm: ({ hidden, queryHeads, biases }) => {
    const attention = biases.queryKeyValue || biases.attentionOutput;
    // transformers 5 refuses a Llama whose heads do not divide the hidden size, whatever its head_dim (for example 6 of
    // 8 heads on 64). A Mistral without a window has the same forward pass and no such rule, but no biases either.
    if (hidden % queryHeads !== 0) return attention || biases.ffn ? undefined : LLAMA_AS_MISTRAL;
    return {
      modelType: 'llama',
      architecture: 'LlamaForCausalLM',
      biases: { queryKeyValue: attention, attentionOutput: attention, ffn: biases.ffn },
      entries: { attention_bias: attention, mlp_bias: biases.ffn },
      loadsIn: ['transformers', 'vLLM'],
    };
  },
  readSlidingWindows: (_config, layers) => Array.from({ length: layers }, () => undefined),
};

const LLAMA_AS_MISTRAL: StockForm = {
  modelType: MISTRAL.id,
  architecture: MISTRAL.architecture,
  biases: { queryKeyValue: false, attentionOutput: false, ffn: false },
  // A Llama ignores `layer_types`; a Mistral with them would be read as a Ministral. Before version 5, transformers
  // warns of the faulty tokenizers of early Mistral releases; this tokenizer came with a Llama.
  entries: { sliding_window: null, layer_types: undefined, transformers_version: '5.0.0' },
  loadsIn: ['transformers', 'vLLM'],
};
