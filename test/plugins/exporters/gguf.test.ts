import { Tokenizer } from '@huggingface/tokenizers';
import { readFileSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readGgufFileInfo } from 'node-llama-cpp';
import { describe, expect, it } from 'vitest';
import { measureCost } from '../../../src/core/budget/cost-model.js';
import { createCostModel } from '../../../src/core/budget/cost-spec.js';
import type { KeptUnits, LayerKeptUnits } from '../../../src/core/model/units.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { pruneModel } from '../../../src/engine/surgery/prune-model.js';
import gguf from '../../../src/plugins/exporters/gguf.js';
import { encodeBlocks } from '../../../src/plugins/exporters/gguf/encode-blocks.js';
import hf from '../../../src/plugins/exporters/hf.js';
import { writtenShape } from '../../../src/server/pruning/written-shape.js';
import { makeFolder } from '../../engine/checkpoint/tiny-checkpoint.js';
import { DEMO_DIRECTORY, unattended, withModel } from '../../support/demo-model.js';
import { keepLast, range } from '../../support/keep-last.js';
import { measureLlamaPerplexity, withLlamaModel } from '../../support/llama-cpp.js';
import { writeTrait } from '../../support/trait-checkpoint.js';

const DENSE = Array.from({ length: 5 }, () => keepLast(4, 172));
const UNIFORM = Array.from({ length: 5 }, () => keepLast(2, 128));
const UNEVEN = [keepLast(2, 96), keepLast(4, 128), keepLast(3, 172), keepLast(1, 64), keepLast(4, 160)];
const HALVES = [keepLast(0, 128), keepLast(4, 0), keepLast(0, 0), keepLast(0, 160), keepLast(4, 0)];

/** What the exporter writes, and the same model for the engine. */
async function write(source: string, kept: KeptUnits, type = 'f32') {
  const folder = await makeFolder();
  const [file, checkpoint] = [join(folder, 'gguf'), join(folder, 'hf')];
  await mkdir(file);
  await mkdir(checkpoint);
  const opened = await openCheckpoint(source);
  try {
    const model = pruneModel({ checkpoint: opened, keptUnits: kept, manifest: {} });
    await gguf.write(model, file, unattended, gguf.options.parse({ type }));
    await hf.write(model, checkpoint, unattended, hf.options.parse({}));
  } finally {
    await opened.close();
  }
  return { path: join(file, 'model.gguf'), checkpoint };
}

/** The demo model's tokenizer, as the engine has it. */
const tokenizer = new Tokenizer(readDemo('tokenizer.json'), readDemo('tokenizer_config.json'));
const stories = readDemo('stories.json') as string[];

function readDemo(file: string): object {
  return JSON.parse(readFileSync(join(DEMO_DIRECTORY, file), 'utf8')) as object;
}

/** 4 windows of 128 tokens. */
const tokens: number[] = tokenizer.encode(stories.slice(0, 4).join('\n')).ids;
const WINDOWS = range(0, 4).map((window) => tokens.slice(128 * window, 128 * (window + 1)));

async function measureEnginePerplexity(directory: string): Promise<number> {
  return withModel(directory, async (model) => {
    const { vocabulary } = model.checkpoint.shape;
    const losses: number[] = [];
    for (const window of WINDOWS) {
      const logits = await model.logits(Int32Array.from(window));
      for (let place = 0; place + 1 < window.length; place += 1) {
        const row = logits.subarray(place * vocabulary, (place + 1) * vocabulary);
        const largest = row.reduce((most, logit) => Math.max(most, logit), -Infinity);
        const weight = row.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
        losses.push(Math.log(weight) + largest - (row[window[place + 1] as number] as number));
      }
    }
    return Math.exp(losses.reduce((sum, loss) => sum + loss, 0) / losses.length);
  });
}

/** llama.cpp's perplexity of what the exporter writes, over the engine's of the same model. */
async function comparePerplexity(source: string, kept: KeptUnits, type?: string): Promise<number> {
  const { path, checkpoint } = await write(source, kept, type);
  const expected = await measureEnginePerplexity(checkpoint);
  return (await withLlamaModel(path, (model) => measureLlamaPerplexity(model, WINDOWS))) / expected;
}

/** A small model of a family with biases where it has them, which starts with 2 groups of 2 heads and 40 channels. */
const keepFew = (groups: number, channels: number): LayerKeptUnits => ({
  kvGroups: range(2 - groups, 2),
  queryHeads: range(4 - 2 * groups, 4),
  ffnChannels: range(40 - channels, 40),
});

describe('gguf', () => {
  it.each([
    ['the whole model as f32', DENSE, 'f32', 0.005],
    ['layers of one shape as f16', UNIFORM, 'f16', 0.005],
    // Values of 8 bits: the same file in bf16 has 0.3 % more, in q8_0 0.4 %.
    ['layers of one shape as bf16', UNIFORM, 'bf16', 0.02],
    ['layers of one shape as q8_0', UNIFORM, 'q8_0', 0.02],
    ['layers that differ as f32', UNEVEN, 'f32', 0.005],
    ['layers that differ as f16', UNEVEN, 'f16', 0.005],
    ['dropped halves', HALVES, 'f32', 0.005],
  ])('llama.cpp has the perplexity of the engine: %s', async (_, kept, type, tolerance) => {
    expect(Math.abs((await comparePerplexity(DEMO_DIRECTORY, kept, type)) - 1)).toBeLessThan(tolerance);
  });

  const few = [keepFew(1, 24), keepFew(1, 24)];
  const other = [keepFew(1, 24), keepFew(2, 32)];
  it.each([
    ['a Mistral', { model_type: 'mistral', sliding_window: 4096 }, few],
    ['a Mistral whose layers differ', { model_type: 'mistral' }, other],
    ['a Qwen2', { model_type: 'qwen2' }, [keepFew(2, 24), keepFew(2, 24)]],
    ['a Qwen2 with fewer heads', { model_type: 'qwen2' }, few],
    ['a Qwen2 whose layers differ', { model_type: 'qwen2' }, other],
    ['a Qwen3', { model_type: 'qwen3', head_dim: 16 }, few],
    ['a Llama with all biases', { attention_bias: true, mlp_bias: true }, few],
    ['a Llama with all biases whose layers differ', { attention_bias: true, mlp_bias: true }, other],
    ['linear scaling', { rope_scaling: { type: 'linear', factor: 4 } }, few],
    ['yarn', { rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 32 } }, few],
    [
      'llama3 scaling',
      {
        rope_scaling: {
          rope_type: 'llama3',
          factor: 8,
          low_freq_factor: 1,
          high_freq_factor: 4,
          original_max_position_embeddings: 32,
        },
      },
      few,
    ],
  ])('llama.cpp has the perplexity of the engine: %s', async (_, config, kept) => {
    const source = await writeTrait({ config: { vocab_size: 512, max_position_embeddings: 128, ...config } });
    await copyFile(join(DEMO_DIRECTORY, 'tokenizer.json'), join(source, 'tokenizer.json'));
    expect(Math.abs((await comparePerplexity(source, kept)) - 1)).toBeLessThan(0.005);
  });

  it('llama.cpp splits texts into the same tokens, and knows which begin and end a text', async () => {
    const { path } = await write(DEMO_DIRECTORY, DENSE);
    const texts = [...stories.slice(0, 3), '', ' two  spaces ', 'Ünïcode 日本\n\ttabs', '</s>'];
    const found = await withLlamaModel(path, async (model) => ({
      split: texts.map((text) => [...model.tokenize(text, true)]),
      special: [model.tokens.bos, model.tokens.eos, model.tokens.shouldPrependBosToken],
    }));
    expect(found.split).toEqual(texts.map((text) => tokenizer.encode(text, { add_special_tokens: false }).ids));
    expect(found.special).toEqual([1, 2, true]);
  });

  it('states how many bytes it will write', async () => {
    const checkpoint = await openCheckpoint(DEMO_DIRECTORY);
    await checkpoint.close();
    const { architecture } = pruneModel({ checkpoint, keptUnits: UNIFORM, manifest: {} });
    const support = gguf.supports(checkpoint.shape, architecture, 'none', gguf.options.parse({ type: 'q8_0' }));
    const shape = writtenShape(checkpoint.shape, support);
    const stated = measureCost(createCostModel(shape, { kind: 'weight_bytes' }), architecture);
    const { path } = await write(DEMO_DIRECTORY, UNIFORM, 'q8_0');
    const { tensorInfo = [] } = await readGgufFileInfo(path);
    const last = tensorInfo.at(-1);
    // The last tensor is the final norm, of 64 numbers; each tensor begins at a multiple of 32 bytes, as all sizes here are.
    expect(Number(last?.offset) + 4 * 64).toBe(stated);
  });

  it('stores blocks of 32 values as q4_0 does: a step, then 4 bits each', () => {
    const values = Float32Array.from({ length: 32 }, (_, i) => i / 2 - 8); // -8 to 7.5: the step is 1
    const bytes = encodeBlocks(values, 'Q4_0', 'w');
    expect([...bytes.subarray(0, 2)]).toEqual([0x00, 0x3c]); // 1 as float16
    const quants = [...bytes.subarray(2)];
    const read = [...quants.map((byte) => (byte & 15) - 8), ...quants.map((byte) => (byte >> 4) - 8)];
    expect(read).toEqual([...values].map((value) => Math.min(7, Math.floor(value + 0.5))));
  });

  it.each([
    ['widths that are no multiple of 32', DENSE, 'q8_0', 'none', 'the FFN channels of layer 0 are 172'],
    ['no layer that keeps anything', DENSE.map(() => keepLast(0, 0)), 'f16', 'none', 'prune less'],
  ] as const)('refuses beforehand: %s', async (_, kept, type, biases, reason) => {
    const checkpoint = await openCheckpoint(DEMO_DIRECTORY);
    await checkpoint.close();
    const { architecture } = pruneModel({ checkpoint, keptUnits: kept, manifest: {} });
    const support = gguf.supports(checkpoint.shape, architecture, biases, gguf.options.parse({ type }));
    expect(support).toEqual({ ok: false, reason: expect.stringContaining(reason) });
  });

  const qwen = { model_type: 'qwen2' };
  const mark = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
  const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first' };
  const demo = readDemo('tokenizer.json') as { readonly model: { readonly vocab: Readonly<Record<string, number>> } };
  const scaling = { factor: 4, original_max_position_embeddings: 32 };
  it.each<[string, Readonly<Record<string, unknown>>, object | undefined, RegExp]>([
    ['nothing', {}, {}, /^$/],
    ['a model without a tokenizer', {}, undefined, /no tokenizer\.json; add .* exporter hf/],
    ['a tokenizer of another kind', {}, { model: { type: 'Unigram', vocab: [] } }, /"Unigram".*exporter hf/],
    [
      'an unknown split',
      {},
      { pre_tokenizer: { type: 'Whitespace' } },
      /lacks: \{"type":"Whitespace"\}; .*exporter hf/,
    ],
    ['an unknown split of bytes', {}, { normalizer: null, model: { type: 'BPE', vocab: { a: 0 } } }, /no known name/],
    ['spaces that stay', {}, { normalizer: null }, /does not write ▁ for spaces/],
    ['another alphabet', {}, { normalizer: { type: 'Sequence', normalizers: [mark, { type: 'NFKC' }] } }, /"NFKC"/],
    [
      'words that are split before they are merged',
      {},
      { pre_tokenizer: metaspace, model: { ...demo.model, vocab: { ...demo.model.vocab, 'a▁b': 511 } } },
      /does not split/,
    ],
    ['words that are not split', {}, { pre_tokenizer: { ...metaspace, split: false } }, /^$/],
    ['tokens beyond the embedding', { vocab_size: 500 }, {}, /beyond the embedding/],
    [
      'llama3 scaling without its factors',
      { ...qwen, rope_scaling: { ...scaling, rope_type: 'llama3', low_freq_factor: 1, high_freq_factor: 4 } },
      {},
      /rope_type llama3 in the architecture qwen2.*exporter hf/,
    ],
    [
      'yarn with other constants',
      { rope_scaling: { ...scaling, rope_type: 'yarn', beta_fast: 16 } },
      {},
      /beta_fast 32.*exporter hf/,
    ],
  ])('refuses of a model, whatever its architecture: %s', async (_, config, tokenizer, reason) => {
    const folder = await writeTrait({ config: { vocab_size: 512, max_position_embeddings: 128, ...config } });
    const checkpoint = await openCheckpoint(folder);
    await checkpoint.close();
    const written = tokenizer && JSON.stringify({ ...readDemo('tokenizer.json'), ...tokenizer });
    const source = {
      shape: checkpoint.shape,
      config: checkpoint.rawConfig,
      readSource: async (file: string) => (file === 'tokenizer.json' && written ? Buffer.from(written) : undefined),
    };
    const refusal = await gguf.refuses?.(source, gguf.options.parse({}));
    expect(refusal ?? '').toMatch(reason);
  });

  it('refuses layers that differ where queries and keys are normed', async () => {
    const source = await writeTrait({ config: { model_type: 'qwen3', head_dim: 16 } });
    await expect(write(source, other)).rejects.toThrow('search a uniform space');
  });
});
