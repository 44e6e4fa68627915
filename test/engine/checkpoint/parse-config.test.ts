import { describe, expect, it } from 'vitest';
import { MAX_HIDDEN, MAX_LAYERS, MAX_VOCABULARY, parseConfig } from '../../../src/engine/checkpoint/parse-config.js';

const BASE = {
  model_type: 'llama',
  hidden_size: 64,
  intermediate_size: 172,
  num_hidden_layers: 2,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  vocab_size: 512,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
};
const LLAMA3 = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64 };
const YARN = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 128 };
const LLAMA3_READ = {
  kind: 'llama3',
  factor: 8,
  lowFrequencyFactor: 1,
  highFrequencyFactor: 4,
  originalMaxPositions: 64,
};

/** A layer of Nemotron-NAS. */
const block = (attention: object, ffn: object): object => ({ attention, ffn });

describe('parseConfig', () => {
  it('reads sizes, and head_dim as hidden / heads if it is missing', () => {
    expect(parseConfig({ ...BASE, bos_token_id: 1, eos_token_id: [2, null, -1], tie_word_embeddings: true })).toEqual({
      shape: {
        family: 'llama',
        hidden: 64,
        headDim: 8,
        vocabulary: 512,
        tiedEmbeddings: true,
        queryKeyNorms: false,
        biases: { queryKeyValue: false, attentionOutput: false, ffn: false },
        layers: Array.from({ length: 2 }, () => ({ kvHeads: 4, queryHeadsPerKv: 2, ffnChannels: 172 })),
      },
      rmsNormEpsilon: 1e-5,
      rope: { theta: 10_000, scaling: undefined },
      maxPositions: 512,
      slidingWindows: [undefined, undefined],
      bosTokenId: 1,
      endTokenIds: [2],
    });
  });

  it.each([
    ['rope_theta alone', { rope_theta: 5e5 }, { theta: 5e5, scaling: undefined }],
    ['rope_scaling null', { rope_theta: 5e5, rope_scaling: null }, { theta: 5e5, scaling: undefined }],
    [
      'rope_scaling of the default kind under its old key',
      { rope_scaling: { type: 'default' } },
      { theta: 10_000, scaling: undefined },
    ],
    [
      'rope_scaling llama3',
      { rope_theta: 5e5, rope_scaling: { rope_type: 'llama3', ...LLAMA3 } },
      { theta: 5e5, scaling: LLAMA3_READ },
    ],
    [
      'rope_parameters',
      { rope_parameters: { rope_type: 'default', rope_theta: 5e5 } },
      { theta: 5e5, scaling: undefined },
    ],
    [
      'rope_parameters llama3',
      { rope_parameters: { rope_type: 'llama3', rope_theta: 5e5, ...LLAMA3 } },
      { theta: 5e5, scaling: LLAMA3_READ },
    ],
    [
      'rope_parameters before an older rope_theta',
      { rope_theta: 1, rope_parameters: { rope_theta: 5e5 } },
      { theta: 5e5, scaling: undefined },
    ],
    [
      'linear scaling',
      { rope_scaling: { type: 'linear', factor: 4 } },
      { theta: 10_000, scaling: { kind: 'linear', factor: 4 } },
    ],
    [
      "dynamic scaling, whose context is the model's",
      { rope_scaling: { type: 'dynamic', factor: 2 } },
      { theta: 10_000, scaling: { kind: 'dynamic', factor: 2, originalMaxPositions: 512 } },
    ],
    // 0.1 ln 4 + 1
    [
      'yarn with what transformers takes where it is silent',
      { rope_scaling: YARN },
      {
        theta: 10_000,
        scaling: {
          kind: 'yarn',
          factor: 4,
          attentionFactor: 0.1 * Math.log(4) + 1,
          betaFast: 32,
          betaSlow: 1,
          originalMaxPositions: 128,
          ramp: 'whole',
        },
      },
    ],
    // (0.1 * 2 ln 4 + 1) / (0.1 * 0.5 ln 4 + 1)
    [
      'yarn with mscale',
      { rope_scaling: { ...YARN, mscale: 2, mscale_all_dim: 0.5, truncate: false } },
      {
        theta: 10_000,
        scaling: {
          kind: 'yarn',
          factor: 4,
          attentionFactor: (0.2 * Math.log(4) + 1) / (0.05 * Math.log(4) + 1),
          betaFast: 32,
          betaSlow: 1,
          originalMaxPositions: 128,
          ramp: 'exact',
        },
      },
    ],
  ])('reads rotary embeddings from %s', (_what, entries, rope) => {
    expect(parseConfig({ ...BASE, ...entries }).rope).toEqual(rope);
  });

  it.each([
    ['llama', {}, [false, false, false]],
    ['llama', { attention_bias: true }, [true, true, false]],
    ['llama', { mlp_bias: true }, [false, false, true]],
    ['mistral', { sliding_window: null, attention_bias: true }, [false, false, false]],
    ['qwen2', {}, [true, false, false]],
    ['qwen3', {}, [false, false, false]],
    ['qwen3', { attention_bias: true, mlp_bias: true }, [true, true, false]],
  ])('knows the biases of %s with %j', (model_type, entries, [queryKeyValue, attentionOutput, ffn]) => {
    expect(parseConfig({ ...BASE, ...entries, model_type }).shape.biases).toEqual({
      queryKeyValue,
      attentionOutput,
      ffn,
    });
  });

  it('reads a head_dim that differs from hidden / heads, and 128 for a Qwen3 that has none', () => {
    expect(parseConfig({ ...BASE, head_dim: 16 }).shape.headDim).toBe(16);
    expect(parseConfig({ ...BASE, model_type: 'qwen3' }).shape).toMatchObject({ headDim: 128, queryKeyNorms: true });
  });

  it('takes as many key-value heads as query heads if their number is missing', () => {
    const { num_key_value_heads: _, ...rest } = BASE;
    expect(parseConfig(rest).shape.layers[0]).toMatchObject({ kvHeads: 8, queryHeadsPerKv: 1 });
  });

  it.each([
    ['another family', { model_type: 'gemma2' }, /model_type "gemma2".*llama, mistral, ministral, qwen2, qwen3/],
    [
      'another rotary kind',
      { rope_scaling: { rope_type: 'longrope', factor: 4 } },
      /rope_type "longrope".*supported are default, linear, dynamic, yarn, llama3/,
    ],
    ['another rotary kind under its old key', { rope_scaling: { type: 'su', factor: 2 } }, /rope_type "su"/],
    [
      'a rotary kind named after what every object has',
      { rope_parameters: { rope_type: 'toString' } },
      /rope_type "toString"/,
    ],
    [
      'rotary kinds by layer type',
      { rope_parameters: { full_attention: { rope_theta: 1 } } },
      /differs from layer to layer/,
    ],
    ['partial rotary embeddings', { partial_rotary_factor: 0.5 }, /partial_rotary_factor is 0.5/],
    ['another activation', { hidden_act: 'gelu' }, /hidden_act is "gelu"; only silu/],
    ['quantized weights', { quantization_config: { bits: 4 } }, /quantization_config/],
    ['a mixture of experts', { num_local_experts: 8 }, /num_local_experts 8; a mixture of experts/],
    [
      'attention in chunks',
      { model_type: 'qwen3', layer_types: ['full_attention', 'chunked_attention'] },
      /layer_types\[1\] is "chunked_attention"; only full_attention and sliding_attention/,
    ],
  ])('does not support %s and says so by name', (_what, entries, message) => {
    expect(() => parseConfig({ ...BASE, ...entries })).toThrow(
      expect.objectContaining({ reason: 'MODEL_UNSUPPORTED', message: expect.stringMatching(message) }),
    );
  });

  it.each([
    ['llama', { sliding_window: 64 }, [undefined, undefined]],
    ['mistral', { sliding_window: null }, [undefined, undefined]],
    ['mistral', { sliding_window: 512 }, [512, 512]],
    ['mistral', {}, [4096, 4096]],
    ['mistral', { sliding_window: 64, layer_types: ['sliding_attention', 'full_attention'] }, [64, undefined]],
    ['ministral', { sliding_window: 64 }, [64, 64]],
    ['ministral', { sliding_window: 64, layer_types: ['full_attention', 'sliding_attention'] }, [undefined, 64]],
    ['qwen2', { use_sliding_window: false, sliding_window: 64 }, [undefined, undefined]],
    ['qwen2', { use_sliding_window: true, sliding_window: 64, max_window_layers: 2 }, [undefined, undefined]],
    ['qwen2', { use_sliding_window: true, sliding_window: 64, max_window_layers: 1 }, [undefined, 64]],
    ['qwen2', { use_sliding_window: true, sliding_window: null, max_window_layers: 0 }, [undefined, undefined]],
    ['qwen2', { use_sliding_window: true, max_window_layers: 0 }, [4096, 4096]],
    ['qwen2', { use_sliding_window: true, sliding_window: 64 }, [undefined, undefined]], // max_window_layers is 28 if it is missing
    [
      'qwen3',
      {
        use_sliding_window: true,
        sliding_window: 64,
        max_window_layers: 0,
        layer_types: ['full_attention', 'sliding_attention'],
      },
      [undefined, 64],
    ],
    ['qwen3', { layer_types: ['full_attention', 'full_attention'] }, [undefined, undefined]],
  ])('reads for %s with %j which layers have a sliding window', (model_type, entries, windows) => {
    expect(parseConfig({ ...BASE, ...entries, model_type }).slidingWindows).toEqual(windows);
  });

  it.each([
    [
      'no model_type',
      { model_type: undefined },
      /model_type is missing; it must name the family of the model: one of llama, mistral, ministral, qwen2, qwen3/,
    ],
    [
      'no model_type, and tells what architectures says',
      { model_type: null, architectures: ['Qwen2ForCausalLM'] },
      /model_type is missing; it must name the family of the model: "qwen2", because architectures has Qwen2ForCausalLM/,
    ],
    [
      'more layers than allowed',
      { num_hidden_layers: MAX_LAYERS + 1 },
      new RegExp(`num_hidden_layers is ${MAX_LAYERS + 1}; it must be a whole number from 1 to ${MAX_LAYERS}`),
    ],
    ['a huge hidden size', { hidden_size: MAX_HIDDEN + 1, head_dim: 8 }, /hidden_size/],
    ['a huge vocabulary', { vocab_size: MAX_VOCABULARY + 1 }, /vocab_size/],
    ['no layers', { num_hidden_layers: 0 }, /num_hidden_layers is 0/],
    [
      'a size that is text',
      { intermediate_size: '172' },
      /intermediate_size is the text "172"; it must be a whole number from 1 to 262144, without quotes/,
    ],
    [
      'a size that is missing',
      { intermediate_size: undefined },
      /intermediate_size is missing; it must be a whole number/,
    ],
    [
      'an epsilon that is text',
      { rms_norm_eps: '1e-05' },
      /rms_norm_eps is the text "1e-05"; it must be a number from 1e-30 to 1, without quotes/,
    ],
    [
      'an epsilon beyond float32',
      { rms_norm_eps: 1e300 },
      /rms_norm_eps is 1e\+300; it must be a number from 1e-30 to 1$/,
    ],
    ['an epsilon that float32 takes for nothing', { rms_norm_eps: 1e-300 }, /rms_norm_eps is 1e-300/],
    ['an epsilon that is NaN', { rms_norm_eps: NaN }, /rms_norm_eps is NaN/],
    [
      'a switch that is text',
      { tie_word_embeddings: 'true' },
      /tie_word_embeddings is the text "true"; it must be true or false, without quotes/,
    ],
    ['a switch that is a number', { attention_bias: 1 }, /attention_bias is 1; it must be true or false/],
    ['a BOS token that is text', { bos_token_id: '1' }, /bos_token_id is the text "1"/],
    [
      'heads that groups do not divide',
      { num_key_value_heads: 3 },
      /num_attention_heads is 8; it must be a multiple of num_key_value_heads, 3/,
    ],
    ['more groups than heads', { num_key_value_heads: 16 }, /num_key_value_heads is 16/],
    ['a hidden size that heads do not divide', { hidden_size: 60 }, /head_dim is 7.5/],
    ['an odd head_dim', { head_dim: 7 }, /head_dim is 7; rotary embeddings need an even one/],
    ['a negative epsilon', { rms_norm_eps: -1 }, /rms_norm_eps is -1/],
    [
      'a sliding window of no tokens',
      { model_type: 'mistral', sliding_window: 0 },
      /sliding_window is 0; it must be a whole number from 1/,
    ],
    [
      'sliding layers without a window',
      { model_type: 'qwen3', layer_types: ['full_attention', 'sliding_attention'] },
      /layer_types\[1\] is sliding_attention, but no sliding_window is in use/,
    ],
    [
      'fewer layer types than layers',
      { model_type: 'qwen3', layer_types: ['full_attention'] },
      /layer_types must have one entry for each of num_hidden_layers, 2, not 1/,
    ],
    [
      'llama3 without its factors',
      { rope_scaling: { rope_type: 'llama3' } },
      /rope_scaling.factor is missing; it must be a number from/,
    ],
    [
      'llama3 with its bounds swapped',
      { rope_scaling: { rope_type: 'llama3', ...LLAMA3, high_freq_factor: 1 } },
      /high_freq_factor is 1; it must be above/,
    ],
  ])('refuses %s', (_what, entries, message) => {
    expect(() => parseConfig({ ...BASE, ...entries })).toThrow(
      expect.objectContaining({ reason: 'MODEL_MALFORMED', message: expect.stringMatching(message) }),
    );
  });

  it('reads a mistral whose layers have types as a ministral, also in the per-layer form', () => {
    const entries = { sliding_window: 64, layer_types: ['full_attention', 'sliding_attention'] };
    expect(parseConfig({ ...BASE, ...entries, model_type: 'mistral' }).shape.family).toBe('ministral');
    expect(parseConfig({ ...BASE, sliding_window: 64, model_type: 'mistral' }).shape.family).toBe('mistral');
    const layers = Array.from({ length: 2 }, () => ({ kv_heads: 1, query_heads_per_kv: 1, ffn_channels: 1 }));
    const prunecast = { layers, biases: { query_key_value: false, attention_output: false, ffn: false } };
    expect(parseConfig({ ...BASE, ...entries, model_type: 'prunecast_ministral', prunecast })).toMatchObject({
      shape: { family: 'ministral' },
      slidingWindows: [undefined, 64],
    });
  });

  it.each([
    ['linear', 'factor', [1, 1e6], [1e-300, 0.999, 0, -4, NaN, Infinity, 1.001e6, '4', undefined]],
    ['dynamic', 'factor', [1, 1e6], [1e-300, 0, -2, NaN, 1e300]],
    ['yarn', 'factor', [1, 1e6], [1e-300, 0, NaN, undefined]],
    ['yarn', 'attention_factor', [1e-3, 1e3, null], [0, -1, NaN, 1.001e3, 1e-300]],
    ['yarn', 'beta_fast', [1, 1e6], [0, -32, NaN, 1.001e6, 0.5]],
    ['yarn', 'beta_slow', [1e-3, 32], [0, 1e-4, NaN, 33]],
    ['yarn', 'mscale', [0, 100], [-1, NaN, 101]],
    ['yarn', 'mscale_all_dim', [0, 100], [-1, NaN, 101]],
    ['yarn', 'original_max_position_embeddings', [1, 2 ** 26], [0, 1.5, -1, NaN, 2 ** 26 + 1]],
    ['yarn', 'truncate', [true, false, null], [0, 'no']],
    ['llama3', 'factor', [1, 1e6], [1e-300, 0, NaN]],
    ['llama3', 'low_freq_factor', [1e-3, 3.9], [0, 1e-300, -1, NaN, 4]],
    ['llama3', 'high_freq_factor', [1.1, 1e6], [1, NaN, 1e300]],
    ['default', 'rope_theta', [2, 1e12], [1, 0, 1e-300, -1e4, NaN, 1e300]],
  ])(
    'accepts a %s rotary embedding with a %s within bounds, and refuses absurd ones',
    (rope_type, key, allowed, refused) => {
      const parse = (value: unknown) =>
        parseConfig({
          ...BASE,
          rope_parameters: { ...(rope_type === 'yarn' ? YARN : LLAMA3), rope_type, rope_theta: 1e4, [key]: value },
        });
      for (const value of allowed) expect(parse(value).rope.theta).toBeGreaterThan(0);
      for (const value of refused) {
        expect(() => parse(value)).toThrow(
          expect.objectContaining({ reason: 'MODEL_MALFORMED', message: expect.stringContaining(key) }),
        );
      }
    },
  );

  it.each([[undefined], [null], [-1], [[1, 2]]])('reads a bos_token_id of %j as none', (bos_token_id) => {
    expect(parseConfig({ ...BASE, bos_token_id }).bosTokenId).toBeUndefined();
  });

  it.each(['silu', 'swish', undefined])('reads hidden_act %j as silu', (hidden_act) => {
    expect(parseConfig({ ...BASE, hidden_act }).shape.hidden).toBe(64);
  });

  it('accepts sizes at their limits', () => {
    expect(
      parseConfig({
        ...BASE,
        num_hidden_layers: MAX_LAYERS,
        hidden_size: MAX_HIDDEN,
        head_dim: 128,
        vocab_size: MAX_VOCABULARY,
      }).shape.layers,
    ).toHaveLength(MAX_LAYERS);
  });

  describe('of the per-layer form', () => {
    const biases = { query_key_value: false, attention_output: true, ffn: false };
    const layers = [
      { kv_heads: 3, query_heads_per_kv: 2, ffn_channels: 0 },
      { kv_heads: 0, query_heads_per_kv: 0, ffn_channels: 7 },
    ];
    const perLayer = { ...BASE, model_type: 'prunecast_llama', head_dim: 8, prunecast: { layers, biases } };

    it('reads the sizes of each layer and the biases, and keeps the family', () => {
      expect(parseConfig(perLayer).shape).toMatchObject({
        family: 'llama',
        biases: { queryKeyValue: false, attentionOutput: true, ffn: false },
        layers: [
          { kvHeads: 3, queryHeadsPerKv: 2, ffnChannels: 0 },
          { kvHeads: 0, queryHeadsPerKv: 0, ffnChannels: 7 },
        ],
      });
    });

    it.each([
      ['no layers', {}, /prunecast.layers must have one entry for each of num_hidden_layers, 2, not undefined/],
      ['fewer layers than num_hidden_layers', { layers: layers.slice(1), biases }, /2, not 1/],
      [
        'query heads without groups',
        { layers: [{ kv_heads: 0, query_heads_per_kv: 1, ffn_channels: 1 }, layers[1]], biases },
        /prunecast.layers\[0\].query_heads_per_kv is 1; it must be a whole number from 0 to 0/,
      ],
      [
        'groups without query heads',
        { layers: [layers[0], { kv_heads: 1, query_heads_per_kv: 0, ffn_channels: 1 }], biases },
        /prunecast.layers\[1\].query_heads_per_kv is 0/,
      ],
      [
        'a huge count',
        { layers: [{ kv_heads: 1, query_heads_per_kv: 1, ffn_channels: 1e9 }, layers[1]], biases },
        /ffn_channels is 1000000000/,
      ],
      ['no biases', { layers }, /prunecast.biases must be an object/],
    ])('refuses %s', (_what, prunecast, message) => {
      expect(() => parseConfig({ ...perLayer, prunecast })).toThrow(
        expect.objectContaining({ reason: 'MODEL_MALFORMED', message: expect.stringMatching(message) }),
      );
    });
  });

  describe('of Nemotron-NAS', () => {
    const NAS = {
      ...BASE,
      model_type: 'nemotron-nas',
      hidden_size: 8192,
      num_attention_heads: 64,
      num_key_value_heads: null,
      intermediate_size: null,
    };

    it('reads layers as the Super 49B has them: 2/3 of the multiplier times the hidden size, up to a multiple of 256', () => {
      const { shape } = parseConfig({
        ...NAS,
        num_hidden_layers: 3,
        block_configs: [
          block({ n_heads_in_group: 8, no_op: false, window_length: null }, { ffn_mult: 5.25, no_op: false }),
          block({ n_heads_in_group: null, no_op: true }, { ffn_mult: 1.0, no_op: false }), // 5461.3
          block({ n_heads_in_group: 16 }, { ffn_mult: null, no_op: true }),
        ],
      });
      expect(shape).toMatchObject({ family: 'llama', headDim: 128 });
      expect(shape.layers).toEqual([
        { kvHeads: 8, queryHeadsPerKv: 8, ffnChannels: 28_672 },
        { kvHeads: 0, queryHeadsPerKv: 0, ffnChannels: 5632 },
        { kvHeads: 4, queryHeadsPerKv: 16, ffnChannels: 0 },
      ]);
    });

    it.each([
      [[], 'block_configs must have one entry for each of num_hidden_layers, 1, not 0'],
      [[block({ no_op: true }, {})], 'block_configs[0].ffn.ffn_mult is missing'],
      [[{ attention: { no_op: true } }], 'block_configs[0].ffn must be an object'],
      [
        [block({ n_heads_in_group: 5 }, { no_op: true })],
        'n_heads_in_group is 5; it must divide num_attention_heads, 64',
      ],
      [[block({ replace_with_linear: true }, { no_op: true })], 'attention.replace_with_linear is true'],
      [[block({ n_heads_in_group: 8, window_length: 64 }, { no_op: true })], 'attention.window_length is 64'],
    ])('refuses %j', (blocks, message) => {
      expect(() => parseConfig({ ...NAS, num_hidden_layers: 1, block_configs: blocks })).toThrow(message);
    });
  });
});
