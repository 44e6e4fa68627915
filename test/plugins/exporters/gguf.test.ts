import { Tokenizer } from '@huggingface/tokenizers';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { copyFile, cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { readGgufFileInfo } from 'node-llama-cpp';
import { describe, expect, it } from 'vitest';
import { compareLogits, mostShare } from '../../../src/core/compare-logits.js';
import { withoutEmpty } from '../../../src/core/model/without-empty.js';
import type { KeptUnits, LayerKeptUnits } from '../../../src/core/model/units.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { pruneModel, type ReplacedTensors } from '../../../src/engine/surgery/prune-model.js';
import gguf from '../../../src/plugins/exporters/gguf.js';
import { listWeights } from '../../../src/plugins/exporters/gguf/list-weights.js';
import { planLayers } from '../../../src/plugins/exporters/gguf/plan-layers.js';
import { encodeBlocks } from '../../../src/plugins/exporters/gguf/encode-blocks.js';
import { readGguf } from '../../../src/plugins/exporters/gguf/read-gguf.js';
import hf from '../../../src/plugins/exporters/hf.js';
import { BudgetKind } from '../../../src/gen/prunecast/v1/common.js';
import { encodeCosts } from '../../../src/server/encoding/costs.js';
import { writtenShape } from '../../../src/server/pruning/written-shape.js';
import { makeFolder } from '../../engine/checkpoint/tiny-checkpoint.js';
import { DEMO_DIRECTORY, unattended, withModel } from '../../support/demo-model.js';
import { keepLast, range } from '../../support/keep-last.js';
import { measureLlamaPerplexity, predictLlama, tokenizeLlama, withLlamaModel } from '../../../bench/llama-cpp.js';
import { proves } from '../../support/proves.js';
import { hasShared, sharedPath, skipReason } from '../../support/shared.js';
import { writeTrait } from '../../support/trait-checkpoint.js';

const DENSE = Array.from({ length: 5 }, () => keepLast(4, 172));
const UNIFORM = Array.from({ length: 5 }, () => keepLast(2, 128));
const UNEVEN = [keepLast(2, 96), keepLast(4, 128), keepLast(3, 172), keepLast(1, 64), keepLast(4, 160)];
const HALVES = [keepLast(0, 128), keepLast(4, 0), keepLast(0, 0), keepLast(0, 160), keepLast(4, 0)];

/** What the exporter writes, and the same model for the engine. */
async function write(source: string, kept: KeptUnits, type = 'f32', replace: ReplacedTensors = new Map()) {
  const folder = await makeFolder();
  const [file, checkpoint] = [join(folder, 'gguf'), join(folder, 'hf')];
  await mkdir(file);
  await mkdir(checkpoint);
  const opened = await openCheckpoint(source);
  try {
    const model = pruneModel({ checkpoint: opened, keptUnits: kept, manifest: {}, replace });
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
  return readJson(DEMO_DIRECTORY, file);
}

function readJson(folder: string, file: string): object {
  return JSON.parse(readFileSync(join(folder, file), 'utf8')) as object;
}

/** 4 windows of 128 tokens. */
const tokens: number[] = tokenizer.encode(stories.slice(0, 4).join('\n')).ids;
const WINDOWS = range(0, 4).map((window) => tokens.slice(128 * window, 128 * (window + 1)));

/** exp of the mean loss over all tokens of the windows but the first of each, and the logits of the first window. */
async function measureEngine(directory: string) {
  return withModel(directory, async (model) => {
    const { vocabulary } = model.checkpoint.shape;
    const losses: number[] = [];
    const windows: Float32Array[] = [];
    for (const window of WINDOWS) {
      const logits = await model.logits(Int32Array.from(window));
      windows.push(logits);
      for (let place = 0; place + 1 < window.length; place += 1) {
        const row = logits.subarray(place * vocabulary, (place + 1) * vocabulary);
        const largest = row.reduce((most, logit) => Math.max(most, logit), -Infinity);
        const weight = row.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
        losses.push(Math.log(weight) + largest - (row[window[place + 1] as number] as number));
      }
    }
    const perplexity = Math.exp(losses.reduce((sum, loss) => sum + loss, 0) / losses.length);
    return { perplexity, logits: windows[0] ?? new Float32Array(), shape: model.checkpoint.shape };
  });
}

/** What the exporter says of the file by its own path. */
async function readBack(path: string) {
  const opened = await gguf.open?.(dirname(path), unattended);
  if (opened === undefined) throw new TypeError('gguf does not open its exports');
  try {
    return { ...opened, found: await opened.logits(Int32Array.from(WINDOWS[0] ?? [])) };
  } finally {
    await opened.close();
  }
}

/**
 * Writes a model, and compares the file with the same model as the engine computes it: by the perplexity in llama.cpp,
 * and by what the exporter reads back of it.
 */
async function compare(source: string, kept: KeptUnits, type?: string, replace?: ReplacedTensors) {
  const { path, checkpoint } = await write(source, kept, type, replace);
  const expected = await measureEngine(checkpoint);
  const perplexity = await withLlamaModel(path, (model) => measureLlamaPerplexity(model, WINDOWS));
  const { shape, architecture, storage, found } = await readBack(path);
  const { hidden, headDim, vocabulary, layers } = expected.shape;
  const { share } = compareLogits(expected.logits, found, vocabulary);
  return {
    /** How far off it is, as a share. */
    perplexity: Math.abs(perplexity / expected.perplexity - 1),
    /** How far off they are, over what rounding explains. */
    logits: share / mostShare(storage.rounding),
    written: { hidden, headDim, vocabulary, layers: withoutEmpty(layers) },
    read: { ...shape, layers: withoutEmpty(architecture) },
    type: storage.type,
  };
}

/** A small model of a family with biases where it has them, which starts with 2 groups of 2 heads and 40 channels. */
const keepFew = (groups: number, channels: number): LayerKeptUnits => ({
  kvGroups: range(2 - groups, 2),
  queryHeads: range(4 - 2 * groups, 4),
  ffnChannels: range(40 - channels, 40),
});

const makeBias = (step: number): Float32Array => Float32Array.from({ length: 64 }, (_, i) => (step * i) / 64);

/** The tokens that the engine finds most likely, one after the other. */
async function predictEngine(directory: string, prompt: readonly number[], count: number): Promise<number[]> {
  return withModel(directory, async (model) => {
    const predicted: number[] = [];
    while (predicted.length < count) {
      const logits = await model.logits(Int32Array.of(...prompt, ...predicted));
      const last = logits.subarray(-model.shape.vocabulary);
      predicted.push(last.indexOf(last.reduce((most, logit) => Math.max(most, logit), -Infinity)));
    }
    return predicted;
  });
}

const ODD = ['', ' two  spaces ', 'Ünïcode 日本\n\ttabs', "it's 1,234 o'clock\r\n", '🙂👍🏽 <|im_end|>'];

interface Reference {
  readonly input_ids: readonly (readonly number[])[];
  readonly cases: Readonly<Record<string, { readonly mean_nll: number }>>;
}

const reference = hasShared
  ? (readJson(sharedPath('reference/families'), 'expected.json') as Reference)
  : { input_ids: [], cases: {} };

/** One of bytes with as many tokens as the reference's models; what they stand for does not matter. */
const BYTES = {
  added_tokens: [],
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
  model: {
    type: 'BPE',
    vocab: Object.fromEntries(range(0, 96).map((id) => [String.fromCodePoint(id < 94 ? 33 + id : 67 + id), id])),
    merges: [],
  },
};

describe.skipIf(!hasShared)(`gguf, families (${skipReason})`, () => {
  it.each(Object.entries(reference.cases))(
    'llama.cpp has the loss of transformers for %s',
    async (name, { mean_nll: loss }) => {
      const source = await makeFolder();
      await cp(sharedPath('reference/families', name), source, { recursive: true });
      await writeFile(join(source, 'tokenizer.json'), JSON.stringify(BYTES));
      const checkpoint = await openCheckpoint(source);
      await checkpoint.close();
      const dense = checkpoint.shape.layers.map(({ kvHeads, queryHeadsPerKv, ffnChannels }) => ({
        kvGroups: range(0, kvHeads),
        queryHeads: range(0, kvHeads * queryHeadsPerKv),
        ffnChannels: range(0, ffnChannels),
      }));
      const { path } = await write(source, dense);
      const perplexity = await withLlamaModel(path, (model) => measureLlamaPerplexity(model, reference.input_ids));
      expect(Math.abs(Math.log(perplexity) - loss)).toBeLessThan(0.001);
    },
  );
});

describe('gguf', () => {
  const demo = readDemo('tokenizer.json') as { readonly model: { readonly vocab: Readonly<Record<string, number>> } };
  const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first' };
  it.each([
    ['the whole model as f32', DENSE, 'f32', 0.005],
    ['layers of one shape as f16', UNIFORM, 'f16', 0.005],
    // Values of 8 bits: the same file in bf16 has 0.3 % more, in q8_0 0.4 %.
    ['layers of one shape as bf16', UNIFORM, 'bf16', 0.02],
    ['layers of one shape as q8_0', UNIFORM, 'q8_0', 0.02],
    ['layers of one shape as q4_0', UNIFORM, 'q4_0', 0.25],
    ['layers that differ as f32', UNEVEN, 'f32', 0.005],
    ['layers that differ as f16', UNEVEN, 'f16', 0.005],
    ['dropped halves', HALVES, 'f32', 0.005],
  ])('llama.cpp and its own reader compute what the engine does: %s', async (_, kept, type, tolerance) => {
    const { perplexity, logits, read, written, ...found } = await compare(DEMO_DIRECTORY, kept, type);
    expect(perplexity).toBeLessThan(tolerance);
    expect(logits).toBeLessThan(1);
    expect(read).toEqual(written);
    expect(found.type).toBe(type.toUpperCase());
    proves({
      exporter: 'gguf',
      runtime: 'llama.cpp',
      types: ['f32', 'f16', 'bf16', 'q8_0', 'q4_0'],
      layers: ['one shape', 'FFN widths that differ', 'heads that differ', 'dropped halves'],
      families: ['llama'],
    });
  });

  it('keeps the biases that a compensation leaves of dropped halves', async () => {
    const replace = new Map([
      ['model.layers.0.self_attn.o_proj.bias', makeBias(0.1)],
      ['model.layers.2.mlp.down_proj.bias', makeBias(-0.1)],
    ]);
    const { perplexity, logits, read, written } = await compare(DEMO_DIRECTORY, HALVES, 'f32', replace);
    expect(perplexity).toBeLessThan(0.005);
    expect(logits).toBeLessThan(1);
    expect(read).toEqual(written);
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
  ])('llama.cpp and its own reader compute what the engine does: %s', async (_, config, kept) => {
    const source = await writeTrait({ config: { vocab_size: 512, max_position_embeddings: 128, ...config } });
    await copyFile(join(DEMO_DIRECTORY, 'tokenizer.json'), join(source, 'tokenizer.json'));
    const { perplexity, logits, read, written } = await compare(source, kept);
    expect(perplexity).toBeLessThan(0.005);
    expect(logits).toBeLessThan(1);
    expect(read).toEqual(written);
    proves({
      exporter: 'gguf',
      runtime: 'llama.cpp',
      types: ['f32'],
      layers: ['one shape'],
      families: ['llama', 'mistral', 'qwen2', 'qwen3'],
    });
    proves({
      exporter: 'gguf',
      runtime: 'llama.cpp',
      types: ['f32'],
      layers: ['FFN widths that differ', 'heads that differ'],
      families: ['llama', 'mistral', 'qwen2'],
    });
  });

  it('llama.cpp splits texts into the same tokens, knows which begin and end a text, and finds the same likeliest', async () => {
    const { path, checkpoint } = await write(DEMO_DIRECTORY, UNEVEN);
    const texts = [...stories.slice(0, 40), '', ' two  spaces ', 'Ünïcode 日本\n\ttabs', '</s>'];
    const prompt = tokens.slice(0, 8);
    const found = await withLlamaModel(path, async (model) => ({
      split: texts.map((text) => tokenizeLlama(model, text)),
      special: [model.tokens.bos, model.tokens.eos, model.tokens.shouldPrependBosToken],
      likeliest: await predictLlama(model, prompt, 20),
    }));
    expect(found.split).toEqual(texts.map((text) => tokenizer.encode(text, { add_special_tokens: false }).ids));
    expect(found.special).toEqual([1, 2, true]);
    expect(found.likeliest).toEqual(await predictEngine(checkpoint, prompt, 20));
  });

  it.each([
    ['none, as it puts them where llama.cpp does', {}, [], []],
    ['none, as neither puts any', { prepend_scheme: 'never' }, [], []],
    ['those that begin with a space', { prepend_scheme: 'always' }, [' hello', 'a</s> b'], [/^llama\.cpp .*always/]],
    [
      'those that begin with a space, and what follows special tokens',
      { prepend_scheme: 'first' },
      [' hello', 'a</s> b', 'a</s>b', '</s>hello'],
      [/^llama\.cpp .*first.* as in chats/],
    ],
  ])('says which texts llama.cpp splits otherwise: %s', async (_, scheme, differing, notes) => {
    const json = {
      ...demo,
      ...('prepend_scheme' in scheme
        ? { normalizer: null, pre_tokenizer: { ...metaspace, ...scheme, split: false } }
        : {}),
    };
    const source = await writeTrait({ config: { vocab_size: 512, max_position_embeddings: 128 } });
    await writeFile(join(source, 'tokenizer.json'), JSON.stringify(json));
    const readSource = (file: string) => readFile(join(source, file)).catch(() => undefined);
    const { shape } = await openCheckpoint(source);
    const found = await gguf.listNotes?.({ shape, config: {}, readSource }, gguf.options.parse({}));
    expect(found).toEqual(notes.map((note) => expect.stringMatching(note) as string));
    const { path } = await write(source, few);
    const card = readFileSync(join(dirname(path), 'README.md'), 'utf8');
    expect(card.includes('Beware: llama.cpp puts a space')).toBe(notes.length > 0);
    const own = new Tokenizer(json, readDemo('tokenizer_config.json'));
    const split = (text: string): string => own.encode(text, { add_special_tokens: false }).ids.join();
    const texts = ['hello', ' hello', 'a b', 'a</s> b', 'a</s>b', '</s>hello', ''];
    const others = await withLlamaModel(path, async (model) =>
      texts.filter((text) => tokenizeLlama(model, text).join() !== split(text)),
    );
    expect(others.toSorted()).toEqual(differing.toSorted());
  });

  it('llama.cpp puts before a text the token that tokenizer.json does, though nothing names it as BOS', async () => {
    const post_processor = {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '</s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '</s>': { id: '</s>', ids: [2], tokens: ['</s>'] } },
    };
    const source = await writeTrait({ config: { vocab_size: 512, max_position_embeddings: 128, bos_token_id: null } });
    await writeFile(join(source, 'tokenizer.json'), JSON.stringify({ ...demo, post_processor }));
    const { path } = await write(source, few);
    const found = await withLlamaModel(path, async ({ tokens: { bos, shouldPrependBosToken } }) => [
      shouldPrependBosToken,
      bos,
    ]);
    expect(found).toEqual([true, new Tokenizer({ ...demo, post_processor }, {}).encode('').ids[0]]);
  });

  it.skipIf(!hasShared)(`llama.cpp splits texts into the same tokens of bytes (${skipReason})`, async () => {
    const source = await writeTrait({ config: { vocab_size: 49_152 } });
    const folder = sharedPath('models/smollm2-135m-instruct');
    for (const file of ['tokenizer.json', 'tokenizer_config.json'])
      await copyFile(join(folder, file), join(source, file));
    const { path } = await write(source, [keepFew(2, 24), keepFew(2, 24)]);
    const texts = [readFileSync(sharedPath('data/wikitext2/wiki.test.raw'), 'utf8').slice(0, 30_000), ...ODD];
    const expected = new Tokenizer(readJson(folder, 'tokenizer.json'), readJson(folder, 'tokenizer_config.json'));
    const found = await withLlamaModel(path, async (model) => ({
      split: texts.map((text) => tokenizeLlama(model, text)),
      template: model.fileInfo.metadata.tokenizer.chat_template,
    }));
    expect(found.split).toEqual(texts.map((text) => expected.encode(text, { add_special_tokens: false }).ids));
    expect(found.template).toBe((readJson(folder, 'tokenizer_config.json') as { chat_template: string }).chat_template);
  });

  it('has on its card lines that generate in Node what the engine does', async () => {
    const { path, checkpoint } = await write(DEMO_DIRECTORY, DENSE);
    const folder = dirname(path);
    const [, lines = ''] = /```js\n(.*?)```/s.exec(readFileSync(join(folder, 'README.md'), 'utf8')) ?? [];
    // By default its threads wait for each other, which takes minutes where processors are busy.
    await writeFile(join(folder, 'lines.mjs'), lines.replace('getLlama()', 'getLlama({ maxThreads: 1 })'));
    await symlink(resolve('node_modules'), join(folder, 'node_modules'));
    const env = { ...process.env, NODE_LLAMA_CPP_GPU: 'false', NODE_LLAMA_CPP_SKIP_DOWNLOAD: 'true' };
    const { stdout } = await promisify(execFile)(process.execPath, ['lines.mjs'], { cwd: folder, env });
    const prompt = tokenizer.encode('Once upon a time').ids;
    const expected = tokenizer.decode([...prompt, ...(await predictEngine(checkpoint, prompt, 20))]);
    expect(`<s> Once upon a time${stdout.trimEnd()}`).toBe(expected);
  });

  it('has beside it the licence, a model card, and in it how its makers sample', async () => {
    const source = await writeTrait({ config: { vocab_size: 512, max_position_embeddings: 128 } });
    await copyFile(join(DEMO_DIRECTORY, 'tokenizer.json'), join(source, 'tokenizer.json'));
    await writeFile(join(source, 'LICENSE.txt'), 'As you like it.');
    const sampling = {
      do_sample: true,
      temperature: 0.5,
      top_k: 20,
      top_p: 0.75,
      repetition_penalty: 1.25,
      max_length: 9,
    };
    await writeFile(join(source, 'generation_config.json'), JSON.stringify(sampling));
    const { path } = await write(source, few);
    const folder = dirname(path);
    expect((await readdir(folder)).toSorted()).toEqual(['LICENSE.txt', 'README.md', 'model.gguf', 'prunecast.json']);
    const card = readFileSync(join(folder, 'README.md'), 'utf8');
    expect(card).toContain('llama-cli -m model.gguf');
    expect(card).toContain('It has the tokenizer in it.');
    const { metadata } = await readGgufFileInfo(path);
    expect(metadata.general).toMatchObject({ sampling: { temp: 0.5, top_k: 20, top_p: 0.75, penalty_repeat: 1.25 } });
  });

  it('reads of its file what another reader does', async () => {
    const { path } = await write(DEMO_DIRECTORY, UNEVEN, 'f16');
    const expected = await readGgufFileInfo(path);
    const file = await readGguf(path);
    await file.close();
    const tokens = expected.metadata.tokenizer.ggml.tokens;
    expect(file.metadata.get('tokenizer.ggml.tokens')).toEqual(tokens);
    expect(file.metadata.get('deci.feed_forward_length')).toEqual([96, 128, 172, 64, 160]);
    const start = expected.infoEndOffset ?? 0;
    expect([...file.tensors.values()].map(({ name, shape, offset }) => [name, shape.toReversed(), offset])).toEqual(
      expected.tensorInfo?.map(({ name, dimensions, offset }) => [
        name,
        dimensions.map(Number),
        start + Number(offset),
      ]),
    );
  });

  it.each([
    ['blocks with their steps', UNIFORM, 'q8_0'],
    ['tables in 8 bits', UNIFORM, 'q4_0'],
    ['zeros in place of dropped halves, and no layer without any', HALVES, 'f16'],
  ])('costs what another reader finds in the file: %s', async (_, kept, type) => {
    const checkpoint = await openCheckpoint(DEMO_DIRECTORY);
    await checkpoint.close();
    const { architecture, shape } = pruneModel({ checkpoint, keptUnits: kept, manifest: {} });
    const support = gguf.supports(checkpoint.shape, architecture, 'none', gguf.options.parse({ type }));
    const costs = encodeCosts(checkpoint.shape, architecture, [], writtenShape(shape, support));
    const { path } = await write(DEMO_DIRECTORY, kept, type);
    const { tensorInfo = [], metadata, architectureMetadata } = await readGgufFileInfo(path);
    const last = tensorInfo.at(-1);
    const heads = architectureMetadata.attention?.head_count_kv;
    const kvHeads = Array.isArray(heads) ? heads : kept.map(() => heads);
    expect(metadata.general.architecture).toBe(kept === HALVES ? 'deci' : 'llama');
    expect(Object.fromEntries(costs.map(({ kind, value }) => [kind, value]))).toMatchObject({
      [BudgetKind.PARAMETERS]: tensorInfo.reduce(
        (sum, { dimensions }) => sum + dimensions.reduce<number>((product, size) => product * Number(size), 1),
        0,
      ),
      // The last tensor is the final norm, of 64 numbers; each tensor begins at a multiple of 32 bytes, as all sizes here are.
      [BudgetKind.WEIGHT_BYTES]: Number(last?.offset) + 4 * 64,
      // Keys and values of 8 numbers each head, two bytes a number.
      [BudgetKind.KV_CACHE_BYTES_PER_TOKEN]: 2 * 8 * 2 * kvHeads.reduce<number>((sum, own) => sum + Number(own), 0),
    });
  });

  it('makes some rows of a tensor as it makes the whole, of queries and keys whole heads', async () => {
    const checkpoint = await openCheckpoint(DEMO_DIRECTORY);
    try {
      const model = pruneModel({ checkpoint, keptUnits: UNIFORM });
      for (const type of ['F16', 'Q8_0'] as const) {
        const planned = planLayers(model.shape, model.architecture, type);
        if (typeof planned === 'string') throw new Error(planned);
        for (const { name, shape, rowsTogether = 1, read } of listWeights(model, planned, type)) {
          const parts: Uint8Array[] = [];
          const rows = shape[0] ?? 0;
          const count = rowsTogether * Math.ceil(rows / rowsTogether / 3);
          for (let first = 0; first < rows; first += count)
            parts.push(await read({ first, count: Math.min(count, rows - first) }));
          expect(`${name} ${Buffer.concat(parts).equals(await read())}`).toBe(`${name} true`);
        }
      }
    } finally {
      await checkpoint.close();
    }
  });

  it('stores blocks of 32 values as q8_0 does: a step, then bytes, halves rounded away from zero', () => {
    const few = [127, -127, 2.5, -2.5, 2.4, -2.4, 0.5, -0.5, 0.4, -0.4]; // the step is 1
    const values = Float32Array.from({ length: 32 }, (_, i) => few[i] ?? 0);
    const bytes = new Uint8Array(34);
    encodeBlocks(new Uint8Array(values.buffer), 'F32', { target: bytes, type: 'Q8_0', name: 'w' });
    expect([...bytes.subarray(0, 2)]).toEqual([0x00, 0x3c]); // 1 as float16
    const quants = [127, -127, 3, -3, 2, -2, 1, -1, 0, 0];
    expect([...new Int8Array(bytes.buffer, 2)]).toEqual(Array.from({ length: 32 }, (_, i) => quants[i] ?? 0));
  });

  it('stores blocks of 32 values as q4_0 does: a step, then 4 bits each', () => {
    const values = Float32Array.from({ length: 32 }, (_, i) => i / 2 - 8); // -8 to 7.5: the step is 1
    const bytes = new Uint8Array(18);
    encodeBlocks(new Uint8Array(values.buffer), 'F32', { target: bytes, type: 'Q4_0', name: 'w' });
    expect([...bytes.subarray(0, 2)]).toEqual([0x00, 0x3c]); // 1 as float16
    const quants = [...bytes.subarray(2)];
    const read = [...quants.map((byte) => (byte & 15) - 8), ...quants.map((byte) => (byte >> 4) - 8)];
    expect(read).toEqual([...values].map((value) => Math.min(7, Math.floor(value + 0.5))));
  });

  it('refuses more layers than llama.cpp has places for, where it would end its process', async () => {
    const checkpoint = await openCheckpoint(DEMO_DIRECTORY);
    await checkpoint.close();
    const [layer] = checkpoint.shape.layers;
    const ask = (count: number, dropped = 0) => {
      const none = { kvHeads: 0, queryHeadsPerKv: 0, ffnChannels: 0 };
      const layers = range(0, count).map((index) => (index < dropped || layer === undefined ? none : layer));
      return gguf.supports({ ...checkpoint.shape, layers }, layers, 'none', gguf.options.parse({}));
    };
    expect([ask(512).ok, ask(513, 1).ok]).toEqual([true, true]); // LLAMA_MAX_LAYERS is 512
    expect(ask(514)).toEqual({ ok: false, reason: expect.stringMatching(/at most 512; drop both halves of 2 more/) });
  });

  it.each([
    [
      'widths that are no multiple of 32',
      DENSE,
      'q8_0',
      'none',
      'the FFN channels of layer 0 are 172; keep a multiple of 32: set channel_multiple to 32',
    ],
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
    [
      'two tokens with one text',
      {},
      { added_tokens: [{ id: 511, content: '▁the', special: false }] },
      /"▁the" twice, at \d+ and 511, and llama\.cpp takes it once; give one of them another text/,
    ],
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
