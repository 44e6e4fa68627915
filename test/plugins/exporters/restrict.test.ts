import { expect, it } from 'vitest';
import type { ModelShape } from '../../../src/core/model/shape.js';
import type { Exporter } from '../../../src/core/ports/exporter.js';
import gguf from '../../../src/plugins/exporters/gguf.js';
import hf from '../../../src/plugins/exporters/hf.js';
import { listExporterChecks } from '../../../src/plugins/testing/exporter-conformance.js';

/** 4 layers of 6 groups with 3 query heads each; heads of 16 values. */
const SHAPE: ModelShape = {
  family: 'llama',
  hidden: 288,
  headDim: 16,
  vocabulary: 10,
  tiedEmbeddings: true,
  biases: { queryKeyValue: false, attentionOutput: false, ffn: false },
  queryKeyNorms: false,
  layers: Array.from({ length: 4 }, () => ({ kvHeads: 6, queryHeadsPerKv: 3, ffnChannels: 512 })),
  numberBytes: 4,
};

const restrict = <Options>(
  exporter: Exporter<Options>,
  options: object,
  shape = SHAPE,
  biases: 'none' | 'added' = 'none',
) => (exporter as Exporter).restrict?.(shape, biases, exporter.options.parse(options));

it.each([
  // 16 values a head: two heads make a block of 32, and groups have three. The FFN has a block of 32 channels.
  ['quantised GGUF', restrict(gguf, { type: 'q4_0' }), { kv_heads: 2, query_heads_per_kv: 1, ffn_channels: 32 }, false],
  // Groups of four query heads have two blocks each: their number is free, and two of them stay together.
  [
    'quantised GGUF with wider groups',
    restrict(gguf, { type: 'q8_0' }, { ...SHAPE, layers: [{ kvHeads: 6, queryHeadsPerKv: 4, ffnChannels: 512 }] }),
    { kv_heads: 1, query_heads_per_kv: 2, ffn_channels: 32 },
    false,
  ],
  ['GGUF of one number each', restrict(gguf, {}), { kv_heads: 1, query_heads_per_kv: 1, ffn_channels: 1 }, false],
  [
    'GGUF of normed queries and keys',
    restrict(gguf, { type: 'f16' }, { ...SHAPE, family: 'qwen3', queryKeyNorms: true }),
    { kv_heads: 1, query_heads_per_kv: 1, ffn_channels: 1 },
    true,
  ],
  // As a Mistral it takes any number of heads; with biases, as a Llama, only those that divide 288: of 3, 6, ..., 18 all but 15.
  ['stock hf', restrict(hf, { form: 'stock' }), { kv_heads: 1 }, true],
  ['hf as DeciLM', restrict(hf, { form: 'decilm' }), { kv_heads: 6, query_heads_per_kv: 3, ffn_channels: 256 }, false],
  ['stock hf with biases', restrict(hf, { form: 'stock' }, SHAPE, 'added'), { kv_heads: 2 }, true],
])('what %s asks of all layers', (_, limits, multipleOf, uniform) => {
  expect(limits?.multipleOf).toEqual(multipleOf);
  expect(limits?.uniform ?? false).toBe(uniform);
});

it('per-layer hf asks for nothing', () => {
  for (const form of ['auto', 'per-layer']) expect(restrict(hf, { form })).toEqual({});
});

it.each([
  ['gguf', gguf as Exporter, { type: 'q8_0' }],
  ['gguf', gguf as Exporter, { type: 'q4_0' }],
  ['hf', hf as Exporter, { form: 'stock' }],
  ['hf', hf as Exporter, { form: 'decilm' }],
])('%s asks for as much as it needs, and no more: %3$o', async (_, exporter, options) => {
  const check = listExporterChecks(exporter, { options }).find(({ name }) => name.startsWith('asks of all layers'));
  await expect(check?.run()).resolves.toBeUndefined();
});
