import type { TensorNames } from './family.js';

/** The tensor names that transformers gives Llama and all families built after it. */
export const DECODER_NAMES: TensorNames = {
  base: 'model.',
  embedding: 'model.embed_tokens',
  finalNorm: 'model.norm',
  head: 'lm_head',
  blockPrefix: 'model.layers.',
  block: {
    attentionNorm: 'input_layernorm',
    query: 'self_attn.q_proj',
    key: 'self_attn.k_proj',
    value: 'self_attn.v_proj',
    queryNorm: 'self_attn.q_norm',
    keyNorm: 'self_attn.k_norm',
    output: 'self_attn.o_proj',
    ffnNorm: 'post_attention_layernorm',
    gate: 'mlp.gate_proj',
    up: 'mlp.up_proj',
    down: 'mlp.down_proj',
  },
};
