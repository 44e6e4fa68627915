import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { measureCost } from '../../../src/core/budget/cost-model.js';
import { createWeightCost } from '../../../src/core/budget/weight-bytes.js';
import { countParameters } from '../../../src/core/model/parameters.js';
import type { KeptUnits, LayerKeptUnits } from '../../../src/core/model/units.js';
import { decodeInto, encodeValues } from '../../../src/engine/checkpoint/dtype.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { pruneModel } from '../../../src/engine/surgery/prune-model.js';
import hf from '../../../src/plugins/exporters/hf.js';
import { makeFolder } from '../../engine/checkpoint/tiny-checkpoint.js';
import { writeDemoIn } from '../../support/demo-in-dtype.js';
import { keepLast, range } from '../../support/keep-last.js';
import { findTrait, writeTrait } from '../../support/trait-checkpoint.js';

const STORIES = join(import.meta.dirname, '../../../models/stories260k');

async function write(
  source: string,
  kept: KeptUnits,
  options: {
    readonly form?: string;
    readonly dtype?: string;
    readonly shard_bytes?: number;
    readonly manifest?: Record<string, unknown>;
  } = {},
) {
  const { manifest = {}, ...rest } = options;
  const directory = join(await makeFolder(), 'out');
  await mkdir(directory);
  const checkpoint = await openCheckpoint(source);
  try {
    const model = pruneModel({ checkpoint, keptUnits: kept, manifest });
    const summary = await hf.write(model, directory, { signal: new AbortController().signal }, hf.options.parse(rest));
    const json = async (file: string): Promise<Record<string, unknown>> =>
      JSON.parse(await readFile(join(directory, file), 'utf8')) as Record<string, unknown>;
    return { directory, model, summary, config: await json('config.json'), manifest: await json('prunecast.json') };
  } finally {
    await checkpoint.close();
  }
}

async function readShape(directory: string) {
  const checkpoint = await openCheckpoint(directory);
  await checkpoint.close();
  return {
    shape: checkpoint.shape,
    values: [...checkpoint.tensors.values()].reduce((sum, { bytes }) => sum + bytes / 4, 0),
  };
}

const UNIFORM = Array.from({ length: 5 }, () => keepLast(2, 130));
const UNEVEN = [keepLast(1, 100), keepLast(0, 172), keepLast(4, 0), keepLast(0, 0), keepLast(4, 172)];

/** A random Llama of 4 groups of 2 heads and 768 channels in each of 3 layers. */
const writeWide = (config: object = {}) =>
  writeTrait({
    config: {
      hidden_size: 64,
      intermediate_size: 768,
      num_hidden_layers: 3,
      num_attention_heads: 8,
      num_key_value_heads: 4,
      ...config,
    },
  });
const wide = (groups: number, channels: number): LayerKeptUnits => ({
  kvGroups: range(4 - groups, 4),
  queryHeads: range(8 - 2 * groups, 8),
  ffnChannels: range(768 - channels, 768),
});

describe('hf', () => {
  it('writes layers of one shape as a stock model that says its own head_dim', async () => {
    const { directory, config, manifest, summary } = await write(STORIES, UNIFORM);
    expect(config).toMatchObject({
      model_type: 'llama',
      architectures: ['LlamaForCausalLM'],
      num_attention_heads: 4,
      num_key_value_heads: 2,
      intermediate_size: 130,
      head_dim: 8,
      hidden_size: 64,
      rope_theta: 10_000,
      torch_dtype: 'float32',
      tie_word_embeddings: true,
    });
    expect(config).not.toHaveProperty('auto_map');
    expect(manifest['exporter']).toEqual({ id: 'hf', form: 'stock', model_type: 'llama', modelling_file: null });
    expect(new Set(summary.files)).toEqual(
      new Set([
        'README.md',
        'model.safetensors',
        'config.json',
        'prunecast.json',
        'tokenizer.json',
        'tokenizer_config.json',
      ]),
    );
    expect(new Set(await readdir(directory))).toEqual(new Set(summary.files));
    expect(await readFile(join(directory, 'tokenizer.json'))).toEqual(await readFile(join(STORIES, 'tokenizer.json')));
    const { shape, values } = await readShape(directory);
    expect(countParameters(shape, shape.layers)).toBe(values);
  });

  it('writes a Llama whose heads do not divide its hidden size as the Mistral that it equals: stock transformers refuses the former', async () => {
    const { directory, config } = await write(
      STORIES,
      Array.from({ length: 5 }, () => keepLast(3, 172)),
    );
    expect(config).toMatchObject({
      model_type: 'mistral',
      architectures: ['MistralForCausalLM'],
      sliding_window: null,
      num_attention_heads: 6,
      head_dim: 8,
    });
    expect((await readShape(directory)).shape.layers[0]).toEqual({ kvHeads: 3, queryHeadsPerKv: 2, ffnChannels: 172 });
  });

  it('leaves window entries that a Llama does not look at out of the Mistral that it is written as', async () => {
    const source = await makeFolder();
    await cp(STORIES, source, { recursive: true });
    const { layer_types: _, ...config } = JSON.parse(await readFile(join(STORIES, 'config.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    await writeFile(
      join(source, 'config.json'),
      JSON.stringify({
        ...config,
        layer_types: Array.from({ length: 5 }, () => 'sliding_attention'),
        sliding_window: 8,
      }),
    );
    const { directory, config: written } = await write(
      source,
      Array.from({ length: 5 }, () => keepLast(3, 172)),
    );
    expect(written).toMatchObject({ model_type: 'mistral', sliding_window: null });
    expect(written).not.toHaveProperty('layer_types');
    expect((await readShape(directory)).shape.family).toBe('mistral');
  });

  it('writes layers that differ in the per-layer form, which is read back as it was and brings its modelling file', async () => {
    const { directory, config, manifest, model } = await write(STORIES, UNEVEN);
    expect(config).toMatchObject({
      model_type: 'prunecast_llama',
      auto_map: {
        AutoConfig: 'modeling_prunecast.PrunecastLlamaConfig',
        AutoModelForCausalLM: 'modeling_prunecast.PrunecastLlamaForCausalLM',
      },
    });
    const modelling = await readFile(join(directory, 'modeling_prunecast.py'));
    expect(manifest['exporter']).toMatchObject({
      form: 'per-layer',
      modelling_file: { name: 'modeling_prunecast.py', sha256: createHash('sha256').update(modelling).digest('hex') },
    });
    expect(modelling.toString()).toContain('class PrunecastLlamaForCausalLM');
    const { shape, values } = await readShape(directory);
    expect(shape).toEqual({
      ...model.shape,
      layers: UNEVEN.map(({ kvGroups, ffnChannels }) => ({
        kvHeads: kvGroups.length,
        queryHeadsPerKv: kvGroups.length === 0 ? 0 : 2,
        ffnChannels: ffnChannels.length,
      })),
    });
    expect(countParameters(shape, shape.layers)).toBe(values);
  });

  it('prunes a per-layer export again, back to stock where the layers have become alike', async () => {
    const first = await write(STORIES, [
      keepLast(2, 150),
      keepLast(3, 130),
      keepLast(2, 130),
      keepLast(4, 172),
      keepLast(2, 130),
    ]);
    const smallest: LayerKeptUnits = { kvGroups: [0, 1], queryHeads: [0, 1, 2, 3], ffnChannels: range(0, 130) };
    const second = await write(
      first.directory,
      first.model.shape.layers.map(() => smallest),
    );
    expect(second.config).toMatchObject({ model_type: 'llama', num_key_value_heads: 2, intermediate_size: 130 });
    expect(second.config).not.toHaveProperty('auto_map');
    expect(second.config).not.toHaveProperty('prunecast');
  });

  it("keeps the caller's manifest and adds its own form", async () => {
    const { manifest } = await write(STORIES, UNIFORM, {
      manifest: { recipe: { digest: 'abc' }, exporter: { id: 'hf', options: { form: 'auto' } } },
    });
    expect(manifest).toMatchObject({
      recipe: { digest: 'abc' },
      exporter: { id: 'hf', options: { form: 'auto' }, form: 'stock' },
    });
  });

  it('gives a stock Llama all biases that its switches mean when a compensation added one of o', async () => {
    const directory = await makeFolder();
    const checkpoint = await openCheckpoint(STORIES);
    const replace = new Map([['model.layers.2.self_attn.o_proj.bias', new Float32Array(64).fill(0.5)]]);
    await hf.write(
      pruneModel({ checkpoint, keptUnits: UNIFORM, replace }),
      directory,
      { signal: new AbortController().signal },
      hf.options.parse({}),
    );
    await checkpoint.close();
    const written = await openCheckpoint(directory);
    expect(written.rawConfig).toMatchObject({ model_type: 'llama', attention_bias: true, mlp_bias: false });
    expect(new Set(await written.readTensor('model.layers.2.self_attn.o_proj.bias'))).toEqual(new Set([0.5]));
    expect(new Set(await written.readTensor('model.layers.1.self_attn.o_proj.bias'))).toEqual(new Set([0]));
    expect(new Set(await written.readTensor('model.layers.2.self_attn.q_proj.bias'))).toEqual(new Set([0]));
    await written.close();
  });

  it.each([
    ['stock', UNIFORM],
    ['per-layer', UNEVEN],
  ])(
    "takes the tokenizer's own code, its templates and the licence along in the form %s, so that AutoTokenizer finds them",
    async (_form, kept) => {
      const source = join(await makeFolder(), 'source');
      await cp(STORIES, source, { recursive: true });
      const config = JSON.parse(await readFile(join(source, 'config.json'), 'utf8')) as Record<string, unknown>;
      await writeFile(
        join(source, 'config.json'),
        JSON.stringify({
          ...config,
          auto_map: { AutoTokenizer: ['own.Own', null], AutoModelForCausalLM: 'modeling_old.Old' },
        }),
      );
      await mkdir(join(source, 'additional_chat_templates'));
      for (const file of ['own.py', 'modeling_old.py', 'tekken.json', 'LICENSE', 'additional_chat_templates/rag.jinja'])
        await writeFile(join(source, file), `text of ${file}`);
      const written = await write(source, kept);
      for (const file of ['own.py', 'tekken.json', 'LICENSE', 'additional_chat_templates/rag.jinja']) {
        expect(written.summary.files).toContain(file);
        expect(await readFile(join(written.directory, file), 'utf8')).toBe(`text of ${file}`);
      }
      expect(written.config['auto_map']).toMatchObject({ AutoTokenizer: ['own.Own', null] });
      expect(JSON.stringify(written.config)).not.toContain('modeling_old');
      expect(written.summary.files).not.toContain('modeling_old.py');
    },
  );

  it.each([
    ['a Mistral beyond its sliding window', 'mistral'],
    ['a Mistral with a sliding window in some layers', 'mistral'],
    ['a Qwen2 with a sliding window from a layer on', 'qwen2'],
    ['yarn with all its fields', 'llama'],
    ['linear rotary scaling in its old spelling', 'llama'],
  ])(
    'carries what config.json says of windows and rotary embeddings over unchanged, for %s, and reads it back',
    async (name, stock) => {
      const source = await writeTrait(findTrait(name)[0]);
      const opened = await openCheckpoint(source);
      const { rawConfig, config } = opened;
      await opened.close();
      const layer = { kvGroups: [1], queryHeads: [2, 3], ffnChannels: range(0, 20) };
      for (const [form, modelType] of [
        ['stock', stock],
        ['per-layer', name.includes('some layers') ? 'prunecast_ministral' : `prunecast_${stock}`],
      ] as const) {
        const written = await write(
          source,
          config.shape.layers.map(() => layer),
          { form },
        );
        expect(written.config['model_type']).toBe(modelType);
        for (const key of [
          'sliding_window',
          'use_sliding_window',
          'max_window_layers',
          'layer_types',
          'rope_theta',
          'rope_scaling',
          'rope_parameters',
          'max_position_embeddings',
        ]) {
          expect(written.config[key]).toEqual(rawConfig[key]);
        }
        const again = await openCheckpoint(written.directory);
        expect(again.config).toMatchObject({ slidingWindows: config.slidingWindows, rope: config.rope });
        await again.close();
      }
    },
  );

  it.each([
    ['float16', 'F16'],
    ['bfloat16', 'BF16'],
    ['float32', 'F32'],
  ] as const)(
    'writes all weights as %s, of which config.json and the width for costs say so',
    async (dtype, written) => {
      const source = await makeFolder();
      await writeDemoIn(dtype === 'float32' ? 'BF16' : 'F32', source);
      for (const kept of [UNIFORM, UNEVEN]) {
        const { directory, config } = await write(source, kept, { dtype });
        expect(config).toMatchObject({ torch_dtype: dtype });
        expect(config).not.toHaveProperty('dtype');
        const [checkpoint, again] = [await openCheckpoint(source), await openCheckpoint(directory)];
        const model = pruneModel({ checkpoint, keptUnits: kept });
        for (const tensor of model.tensors) {
          const values = new Float32Array(tensor.shape.reduce((product, size) => product * size, 1));
          decodeInto(values, await tensor.read(), tensor.dtype);
          expect(again.tensors.get(tensor.name)?.dtype).toBe(written);
          expect(Buffer.compare(await again.readBytes(tensor.name), encodeValues(values, written))).toBe(0);
        }
        await checkpoint.close();
        await again.close();
        const bytes = [...again.tensors.values()].reduce((sum, tensor) => sum + tensor.bytes, 0);
        const supported = hf.supports(model.shape, model.architecture, 'none', hf.options.parse({ dtype }));
        const { numberBytes } = supported as { readonly numberBytes: number };
        expect(measureCost(createWeightCost({ ...model.shape, numberBytes }), model.architecture)).toBe(bytes);
      }
    },
  );

  it('says rotary embeddings in the words of older versions too, which would take others without them', async () => {
    const rope = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    for (const [given, written] of [
      [{ rope_type: 'default', rope_theta: 5e5 }, { rope_theta: 5e5 }],
      [
        { ...rope, original_max_position_embeddings: 32, rope_theta: 5e5 },
        { rope_theta: 5e5, rope_scaling: rope },
      ],
    ] as const) {
      const source = await writeWide({ rope_theta: undefined, rope_parameters: given });
      const { config, directory } = await write(source, [wide(4, 768), wide(4, 768), wide(4, 256)]);
      expect(config).toMatchObject({ ...written, rope_parameters: given });
      const [before, after] = [await openCheckpoint(source), await openCheckpoint(directory)];
      expect(after.config.rope).toEqual(before.config.rope);
      await before.close();
      await after.close();
    }
  });

  it('gives the entry dtype of a newer config.json the type of the weights too', async () => {
    const source = await makeFolder();
    await cp(STORIES, source, { recursive: true });
    const { torch_dtype: _, ...config } = JSON.parse(await readFile(join(STORIES, 'config.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    await writeFile(join(source, 'config.json'), JSON.stringify({ ...config, dtype: 'float32' }));
    const { config: kept } = await write(source, UNIFORM);
    expect([kept['dtype'], kept['torch_dtype']]).toEqual(['float32', undefined]);
    const { config: converted } = await write(source, UNIFORM, { dtype: 'bfloat16' });
    expect([converted['dtype'], converted['torch_dtype']]).toEqual(['bfloat16', 'bfloat16']);
  });

  it('shards at the size asked for', async () => {
    const { directory, summary } = await write(
      STORIES,
      Array.from({ length: 5 }, () => keepLast(4, 172)),
      { shard_bytes: 1_000_000 },
    );
    expect(summary.files.filter((file) => file.endsWith('.safetensors'))).toEqual([
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
    ]);
    expect((await readShape(directory)).values).toBe(260_032);
  });

  it('says what loads an architecture, and why stock cannot hold one', async () => {
    const checkpoint = await openCheckpoint(STORIES);
    const { shape } = checkpoint;
    await checkpoint.close();
    const ask = (layers: typeof shape.layers, form: string, biases: 'none' | 'added' = 'none') =>
      hf.supports(shape, layers, biases, hf.options.parse({ form }));
    const uneven = shape.layers.map((layer, index) => ({ ...layer, ffnChannels: 100 + index }));
    const sixHeads = shape.layers.map((layer) => ({ ...layer, kvHeads: 3 }));
    expect(ask(shape.layers, 'auto')).toMatchObject({ ok: true, loadsIn: ['transformers', 'vLLM'] });
    expect(ask(uneven, 'auto')).toEqual({ ok: true, loadsIn: ['transformers 4.48 or later with trust_remote_code'] });
    expect(ask(shape.layers, 'per-layer')).toEqual({
      ok: true,
      loadsIn: ['transformers 4.48 or later with trust_remote_code'],
    });
    expect(hf.supports({ ...shape, family: 'ministral' }, uneven, 'none', hf.options.parse({}))).toEqual({
      ok: true,
      loadsIn: ['transformers 4.57 or later with trust_remote_code'],
    });
    expect(ask(uneven, 'stock')).toEqual({
      ok: false,
      reason: expect.stringContaining('layers 0 and 1 have different shapes'),
    });
    expect(
      ask(
        shape.layers.map((layer) => ({ ...layer, ffnChannels: 0 })),
        'stock',
      ),
    ).toEqual({ ok: false, reason: expect.stringContaining('half-block is dropped') });
    expect(ask(sixHeads, 'stock')).toMatchObject({ ok: true });
    expect(ask(sixHeads, 'stock', 'added')).toEqual({
      ok: false,
      reason: expect.stringContaining('6 query heads at a hidden size of 64'),
    });
  });

  it('writes layers that differ in the form of Nemotron-NAS, which is read back as it was and pruned again to any form', async () => {
    const kept = [wide(3, 512), wide(0, 256), wide(3, 0)];
    const { directory, config, manifest, model } = await write(await writeWide(), kept, { form: 'decilm' });
    expect(config).toMatchObject({
      model_type: 'nemotron-nas',
      architectures: ['DeciLMForCausalLM'],
      auto_map: { AutoConfig: 'modeling_prunecast.DeciLMConfig' },
      num_attention_heads: 6,
      head_dim: 8,
      // 12: 2/3 of 12 times the hidden size 64 are 512
      block_configs: [
        { attention: { n_heads_in_group: 2, no_op: false }, ffn: { ffn_mult: 12, no_op: false } },
        { attention: { n_heads_in_group: null, no_op: true }, ffn: { ffn_mult: 6, no_op: false } },
        { attention: { n_heads_in_group: 2, no_op: false }, ffn: { ffn_mult: null, no_op: true } },
      ],
    });
    expect(manifest['exporter']).toMatchObject({ form: 'decilm', modelling_file: { name: 'modeling_prunecast.py' } });
    const { shape, values } = await readShape(directory);
    expect(shape).toEqual(model.shape);
    expect(countParameters(shape, shape.layers)).toBe(values);
    const first = { kvGroups: [0], queryHeads: [0, 1], ffnChannels: range(0, 256) };
    const again = await write(directory, [
      first,
      { ...first, kvGroups: [], queryHeads: [] },
      { ...first, ffnChannels: [] },
    ]);
    expect(again.config).toMatchObject({ model_type: 'prunecast_llama' });
    expect(again.config).not.toHaveProperty('block_configs');
  });

  it.each([
    ['query heads that differ', [wide(4, 768), wide(3, 768), wide(4, 768)], 'prune ffn_channels alone'],
    ['widths between multiples of 256', [wide(4, 768), wide(4, 700), wide(4, 768)], 'channel_multiple to 256'],
    ['an FFN before all attention', [wide(0, 768), wide(4, 768), wide(4, 768)], 'keep the attention of layer 0'],
    ['nothing', [wide(0, 0), wide(0, 0), wide(0, 0)], 'prune less'],
  ])('refuses to write %s in the form of Nemotron-NAS, and says what to do', async (_name, kept, advice) => {
    await expect(write(await writeWide(), kept, { form: 'decilm' })).rejects.toMatchObject({
      reason: 'INVALID_OPTIONS',
      violations: [{ field: 'exporter.options.form', description: expect.stringContaining(advice) }],
    });
  });

  it('refuses what the form of Nemotron-NAS has no place for: normed queries, windows, and biases of dropped halves', async () => {
    const kept = [wide(4, 768), wide(4, 256), wide(4, 0)];
    await expect(
      write(await writeWide({ model_type: 'qwen3', head_dim: 8 }), kept, { form: 'decilm' }),
    ).rejects.toThrow('norms of queries and keys');
    const checkpoint = await openCheckpoint(await writeWide());
    await checkpoint.close();
    const options = hf.options.parse({ form: 'decilm' });
    const source = { shape: checkpoint.shape, readSource: async () => undefined };
    const windows = { ...checkpoint.rawConfig, model_type: 'mistral', sliding_window: 8 };
    expect(await hf.refuses?.({ ...source, config: windows }, options)).toContain('sliding windows');
    expect(await hf.refuses?.({ ...source, config: windows }, hf.options.parse({}))).toBeUndefined();
    expect(await hf.refuses?.({ ...source, config: checkpoint.rawConfig }, options)).toBeUndefined();
    const layers = checkpoint.shape.layers.with(2, { kvHeads: 4, queryHeadsPerKv: 2, ffnChannels: 0 });
    expect(hf.supports(checkpoint.shape, layers, 'none', options)).toEqual({
      ok: true,
      loadsIn: ['vLLM with trust_remote_code', 'transformers 4.48 or later with trust_remote_code'],
    });
    expect(hf.supports(checkpoint.shape, layers, 'added', options)).toEqual({
      ok: false,
      reason: expect.stringContaining('take a compensation that adds no biases'),
    });
  });

  it('writes nothing where stock is asked for and cannot be', async () => {
    await expect(write(STORIES, UNEVEN, { form: 'stock' })).rejects.toMatchObject({
      reason: 'INVALID_OPTIONS',
      violations: [{ field: 'exporter.options.form' }],
    });
  });
});
