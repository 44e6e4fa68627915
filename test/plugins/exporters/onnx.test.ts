import { readFileSync } from 'node:fs';
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { measureCost } from '../../../src/core/budget/cost-model.js';
import { createCostModel } from '../../../src/core/budget/cost-spec.js';
import { compareLogits, mostShare } from '../../../src/core/compare-logits.js';
import type { KeptUnits, LayerKeptUnits } from '../../../src/core/model/units.js';
import type { PrunedTensor } from '../../../src/core/ports/exporter.js';
import { decodeInto } from '../../../src/engine/checkpoint/dtype.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { createGraphBuilder } from '../../../src/engine/graph/graph-builder.js';
import { writeOnnx } from '../../../src/engine/graph/write-onnx.js';
import type { LanguageModel } from '../../../src/engine/language-model.js';
import { pruneModel, type ReplacedTensors } from '../../../src/engine/surgery/prune-model.js';
import { GraphProto, ModelProto } from '../../../src/gen/onnx/onnx.js';
import hf from '../../../src/plugins/exporters/hf.js';
import onnx from '../../../src/plugins/exporters/onnx.js';
import { createGraphWeights } from '../../../src/plugins/exporters/onnx/weights.js';
import { loadOnnxRuntime } from '../../../src/onnx-runtime/load-onnx-runtime.js';
import { writtenShape } from '../../../src/server/pruning/written-shape.js';
import { makeFolder } from '../../engine/checkpoint/tiny-checkpoint.js';
import { DEMO_DIRECTORY, unattended, withModel } from '../../support/demo-model.js';
import { keepLast, range } from '../../support/keep-last.js';
import { type OnnxDecoder, withOnnxDecoder } from '../../../bench/onnx-decoder.js';
import { hasShared, sharedPath, skipReason } from '../../support/shared.js';
import { proves } from '../../support/proves.js';
import { type Trait, TRAITS, writeTrait } from '../../support/trait-checkpoint.js';
import { generateInTransformersJs } from '../../support/transformers-js.js';

const DENSE = Array.from({ length: 5 }, () => keepLast(4, 172));
const UNIFORM = Array.from({ length: 5 }, () => keepLast(3, 128));
const UNEVEN = [keepLast(2, 96), keepLast(4, 128), keepLast(3, 172), keepLast(1, 64), keepLast(4, 160)];
const HALVES = [keepLast(0, 128), keepLast(4, 0), keepLast(0, 0), keepLast(2, 160), keepLast(4, 0)];
const BLIND = DENSE.map(() => keepLast(0, 172));

/** Biases as a compensation adds them, in halves that are kept and in those that are not. */
const MENDED: ReplacedTensors = new Map(
  range(0, 5).flatMap((layer) =>
    ['self_attn.o_proj', 'mlp.down_proj'].map((part) => [
      `model.layers.${layer}.${part}.bias`,
      Float32Array.from({ length: 64 }, (_, place) => Math.sin(place + layer) / 4),
    ]),
  ),
);

/** What the exporter writes, and the same model for the engine. */
async function write(source: string, kept: KeptUnits | undefined, options = {}, replace: ReplacedTensors = new Map()) {
  const folder = await makeFolder();
  const [exported, checkpoint] = [join(folder, 'exported'), join(folder, 'hf')];
  await mkdir(exported);
  await mkdir(checkpoint);
  const opened = await openCheckpoint(source);
  try {
    const keptUnits = kept ?? opened.shape.layers.map(keepAll);
    const model = pruneModel({ checkpoint: opened, keptUnits, replace, manifest: {} });
    const { files } = await onnx.write(model, exported, unattended, onnx.options.parse(options));
    await hf.write(model, checkpoint, unattended, hf.options.parse({}));
    const graph = files.find((file) => file.endsWith('.onnx')) ?? '';
    return { exported, checkpoint, files, graph: join(exported, graph) };
  } finally {
    await opened.close();
  }
}

function keepAll({
  kvHeads,
  queryHeadsPerKv,
  ffnChannels,
}: Record<'kvHeads' | 'queryHeadsPerKv' | 'ffnChannels', number>): LayerKeptUnits {
  return {
    kvGroups: range(0, kvHeads),
    queryHeads: range(0, kvHeads * queryHeadsPerKv),
    ffnChannels: range(0, ffnChannels),
  };
}

/** 24 tokens and 15 others. Most of the first 259 of the demo model are bytes, for which it was hardly trained. */
const LONG = range(0, 24).map((place) => (97 * place * place + 300) % 509);
const SHORT = range(0, 15).map((place) => (89 * place * place + 411) % 509);

function largestDifference(actual: ArrayLike<number> | undefined, expected: ArrayLike<number>): number {
  expect(actual).toHaveLength(expected.length);
  return Array.from(expected).reduce((most, value, at) => Math.max(most, Math.abs(value - (actual?.[at] ?? NaN))), 0);
}

/**
 * By how much logits differ from the engine's: of whole sequences, of one that comes in parts and then token by token,
 * and of two that are as long as the longer by padding on the left.
 */
async function findLargestDifference(model: LanguageModel, decoder: OnnxDecoder): Promise<number> {
  const { vocabulary } = model.shape;
  const [longer, shorter] = [LONG, SHORT].map((tokens) => tokens.map((token) => token % vocabulary)) as [
    number[],
    number[],
  ];
  const [long, short] = [await model.logits(Int32Array.from(longer)), await model.logits(Int32Array.from(shorter))];
  const padding = range(0, longer.length - shorter.length);
  const [whole] = await decoder.run([longer]);
  const [stepwise] = await decoder.run([longer], [10, 5, ...range(0, 9).map(() => 1)]);
  const batch = [longer, [...padding.map(() => undefined), ...shorter]];
  const [first, padded] = await decoder.run(batch, [20, 1, 1, 1, 1]);
  return Math.max(
    largestDifference(whole, long),
    largestDifference(stepwise, long),
    largestDifference(first, long),
    largestDifference(padded?.subarray(padding.length * vocabulary), short),
  );
}

function growsWithText({ config = {} }: Trait): boolean {
  const { rope_scaling: rope, max_position_embeddings: context } = config;
  return JSON.stringify(rope ?? '').includes('dynamic') && context === 16;
}

/** Greedy decoding by the engine's logits. */
async function generate(model: LanguageModel, prompt: readonly number[], count: number): Promise<number[]> {
  const tokens = [...prompt];
  const { vocabulary } = model.shape;
  for (let step = 0; step < count; step += 1) {
    const logits = (await model.logits(Int32Array.from(tokens))).subarray(-vocabulary);
    tokens.push(logits.indexOf(Math.max(...logits)));
  }
  return tokens.slice(prompt.length);
}

/** The values of a matrix [rows, columns] of a graph. */
function readMatrix(
  stored: ReadonlyMap<string, Uint8Array>,
  name: string,
  type: 'float32' | 'float16' | 'int8',
  columns: number,
): Float32Array {
  const bytes = (of: string): Uint8Array => stored.get(of) ?? new Uint8Array();
  if (type === 'float32') return floatsOf(bytes(name));
  if (type === 'float16') {
    const values = new Float32Array(bytes(name).length / 2);
    decodeInto(values, bytes(name), 'F16');
    return values;
  }
  const [steps, scales] = [bytes(`${name}_Q8`), floatsOf(bytes(`${name}_scales`))];
  const blocks = Math.ceil(columns / 32); // the last of a row is filled up
  const rows = scales.length / blocks;
  return Float32Array.from({ length: rows * columns }, (_, place) => {
    const [row, column] = [Math.floor(place / columns), place % columns];
    const block = row * blocks + Math.floor(column / 32);
    return ((steps[block * 32 + (column % 32)] ?? NaN) - 128) * (scales[block] ?? NaN);
  });
}

function floatsOf(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  return new Float32Array(new Uint8Array(bytes).buffer);
}

/** The bytes of all tensors of a graph. */
async function readTensors(graph: string): Promise<Map<string, Uint8Array>> {
  const { initializer = [] } = ModelProto.decode(await readFile(graph)).graph ?? {};
  return new Map(initializer.map(({ name, rawData }) => [name, rawData]));
}

/** A matrix `w`, and how many rows were asked of it each time. */
function makeMatrix(rows: number, columns: number) {
  const values = Float32Array.from({ length: rows * columns }, (_, place) => Math.sin(place));
  const asked: number[] = [];
  const matrix: PrunedTensor = {
    name: 'w',
    dtype: 'F32',
    shape: [rows, columns],
    read: async ({ first, count } = { first: 0, count: rows }) => {
      asked.push(count);
      return new Uint8Array(values.slice(first * columns, (first + count) * columns).buffer);
    },
  };
  return { matrix, values, asked };
}

const STORY = [1, 403, 407, 261, 378]; // <s> Once upon a time

describe('onnx', () => {
  it.each([
    ['the whole model', DENSE, new Map()],
    ['layers of one shape', UNIFORM, new Map()],
    ['layers that differ', UNEVEN, new Map()],
    ['layers that differ, mended', UNEVEN, MENDED],
    ['dropped halves', HALVES, new Map()],
    ['dropped halves, mended', HALVES, MENDED],
    ['no attention at all', BLIND, new Map()],
  ])('has the logits of the engine, and transformers.js generates by them: %s', async (_, kept, replace) => {
    const { exported, checkpoint, graph } = await write(DEMO_DIRECTORY, kept, {}, replace);
    await withModel(checkpoint, async (model) => {
      await withOnnxDecoder(graph, async (decoder) => {
        expect(await findLargestDifference(model, decoder)).toBeLessThan(1e-3);
        expect(decoder.outputs[0]).toBe('logits'); // programs take the first
        const caches = [...decoder.inputs].filter(([name]) => name.endsWith('.key')).map(([, [, heads]]) => heads);
        expect(caches).toEqual(kept.map(({ kvGroups }) => kvGroups.length).filter((heads) => heads > 0));
      });
      expect(await generateInTransformersJs(exported, STORY, 20)).toEqual(await generate(model, STORY, 20));
    });
    proves({
      exporter: 'onnx',
      runtime: 'ONNX Runtime',
      types: ['float32'],
      layers: ['one shape', 'FFN widths that differ', 'heads that differ', 'dropped halves'],
      families: ['llama'],
    });
    proves({
      exporter: 'onnx',
      runtime: 'transformers.js',
      types: ['float32'],
      layers: ['one shape', 'FFN widths that differ', 'heads that differ', 'dropped halves'],
      families: ['llama'],
    });
  });

  it.each(TRAITS)('has the logits that transformers gives for %s', async (_, trait, { tokens, middle, last }) => {
    const { graph } = await write(await writeTrait(trait), undefined);
    await withOnnxDecoder(graph, async ({ run }) => {
      const half = Math.floor(tokens.length / 2);
      const [logits = new Float32Array()] = await run([tokens]);
      const rowOf = (place: number): Float32Array => logits.subarray(place * last.length, (place + 1) * last.length);
      expect(largestDifference(rowOf(half), middle)).toBeLessThan(1e-3);
      expect(largestDifference(rowOf(tokens.length - 1), last)).toBeLessThan(1e-3);
      if (growsWithText(trait)) return; // what is in the cache keeps the angles of a shorter text, as in transformers
      const [padded] = await run([[undefined, undefined, undefined, ...tokens]], [half, tokens.length - half, 1, 1, 1]);
      expect(largestDifference(padded?.subarray(-last.length), last)).toBeLessThan(1e-3);
    });
    proves({
      exporter: 'onnx',
      runtime: 'ONNX Runtime',
      types: ['float32'],
      layers: ['one shape'],
      families: ['llama', 'mistral', 'ministral', 'qwen2', 'qwen3'],
    });
  });

  it('keeps weights beside the graph if they take more than one file may have, and tells transformers.js so', async () => {
    const { exported, checkpoint, files, graph } = await write(DEMO_DIRECTORY, DENSE, { shard_bytes: 1_000_000 });
    expect(files.filter((file) => file.startsWith('onnx/'))).toEqual([
      'onnx/model.onnx_data',
      'onnx/model.onnx_data_1',
      'onnx/model.onnx',
    ]);
    await withModel(checkpoint, async (model) => {
      await withOnnxDecoder(graph, async (decoder) =>
        expect(await findLargestDifference(model, decoder)).toBeLessThan(1e-3),
      );
      expect(await generateInTransformersJs(exported, STORY, 5)).toEqual(await generate(model, STORY, 5));
    });
    await truncate(join(exported, 'onnx/model.onnx_data_1'), 1000);
    await expect(onnx.open?.(exported, unattended)).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: expect.stringContaining('onnx/model.onnx_data_1: ends at 1000'),
    });
  });

  it.each([
    ['dropped halves, mended', HALVES, MENDED, 'float32', 1e-3],
    ['layers that differ, in float16', UNEVEN, new Map(), 'float16', 0.1],
  ])('opens what it wrote by ONNX Runtime: %s', async (_, kept, replace, dtype, tolerance) => {
    const { exported, checkpoint } = await write(DEMO_DIRECTORY, kept, { dtype }, replace);
    await withModel(checkpoint, async (model) => {
      const opened = await onnx.open?.(exported, unattended);
      expect(opened?.shape).toEqual({ hidden: 64, headDim: 8, vocabulary: 512 });
      expect(opened?.architecture).toEqual(model.shape.layers);
      const tokens = Int32Array.from(LONG);
      expect(largestDifference(await opened?.logits(tokens), await model.logits(tokens))).toBeLessThan(tolerance);
      await opened?.close();
    });
  });

  it('opens 8-bit weights so that nothing but them is rounded', async () => {
    const { exported, checkpoint, graph } = await write(DEMO_DIRECTORY, UNEVEN, { dtype: 'int8' }, MENDED);
    const stored = await readTensors(graph);
    const opened = await openCheckpoint(checkpoint);
    await opened.close();
    const matrices = [...opened.tensors.values()].filter(({ shape }) => shape.length === 2);
    const rounded = new Map(
      matrices.map(({ name, shape: [, columns = 0] }) => [name, readMatrix(stored, name, 'int8', columns)]),
    );
    const again = await write(DEMO_DIRECTORY, UNEVEN, {}, new Map([...MENDED, ...rounded]));
    await withModel(again.checkpoint, async (model) => {
      const found = await onnx.open?.(exported, unattended);
      expect(found?.architecture).toEqual(model.shape.layers);
      expect(found?.storage).toEqual({ type: 'int8', rounding: 1 / 254 });
      const tokens = Int32Array.from(LONG);
      expect(largestDifference(await found?.logits(tokens), await model.logits(tokens))).toBeLessThan(1e-3);
      await found?.close();
    });
  });

  it('says that 8-bit weights are stored as earlier versions stored them, and what to do', async () => {
    const { exported, graph } = await write(DEMO_DIRECTORY, DENSE, { dtype: 'int8' });
    const model = ModelProto.decode(await readFile(graph));
    const initializer = (model.graph?.initializer ?? []).map((tensor) => ({
      ...tensor,
      name: tensor.name.replace(/_Q8$/, '_quantized').replace(/_scales$/, '_scale'),
    }));
    await writeFile(
      graph,
      ModelProto.encode({ ...model, graph: { ...model.graph, initializer } as GraphProto }).finish(),
    );
    await expect(onnx.open?.(exported, unattended)).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: expect.stringMatching(/^onnx\/model_quantized\.onnx: .*earlier version.*write the output again/),
    });
  });

  it('computes in float16 if asked to, from a file that transformers.js takes by itself', async () => {
    const { exported, checkpoint, graph } = await write(DEMO_DIRECTORY, UNEVEN, { dtype: 'float16' });
    expect(graph).toMatch(/model_fp16\.onnx$/);
    await withModel(checkpoint, async (model) => {
      const difference = await withOnnxDecoder(graph, (decoder) => findLargestDifference(model, decoder));
      expect(difference).toBeLessThan(0.1); // 11 significant bits, of logits up to 20
      expect(difference).toBeGreaterThan(1e-3);
      expect(await generateInTransformersJs(exported, STORY, 5)).toEqual(await generate(model, STORY, 5));
    });
    proves({
      exporter: 'onnx',
      runtime: 'ONNX Runtime',
      types: ['float16'],
      layers: ['FFN widths that differ', 'heads that differ'],
      families: ['llama'],
    });
    proves({
      exporter: 'onnx',
      runtime: 'transformers.js',
      types: ['float16'],
      layers: ['FFN widths that differ', 'heads that differ'],
      families: ['llama'],
    });
  });

  it('stores weights in 8 bits if asked to, which explain how far its logits are from those of the engine', async () => {
    const { exported, checkpoint, graph } = await write(DEMO_DIRECTORY, UNEVEN, { dtype: 'int8' }, MENDED);
    expect(graph).toMatch(/model_quantized\.onnx$/);
    await withModel(checkpoint, async (model) => {
      const expected = await model.logits(Int32Array.from(LONG));
      const [found = new Float32Array()] = await withOnnxDecoder(graph, ({ run }) => run([LONG], [20, 1, 1, 1, 1]));
      const { share } = compareLogits(expected, found, model.shape.vocabulary);
      expect(share).toBeLessThan(mostShare(1 / 254));
      expect(share).toBeGreaterThan(1e-3);
      expect(await generateInTransformersJs(exported, STORY, 5)).toEqual(await generate(model, STORY, 5));
    });
    proves({
      exporter: 'onnx',
      runtime: 'ONNX Runtime',
      types: ['int8'],
      layers: ['FFN widths that differ', 'heads that differ'],
      families: ['llama'],
    });
    proves({
      exporter: 'onnx',
      runtime: 'transformers.js',
      types: ['int8'],
      layers: ['FFN widths that differ', 'heads that differ'],
      families: ['llama'],
    });
  });

  it.each(['float32', 'float16', 'int8'])('states how many bytes of weights it will write as %s', async (dtype) => {
    const { graph, checkpoint: written } = await write(DEMO_DIRECTORY, UNEVEN, { dtype });
    const checkpoint = await openCheckpoint(written);
    await checkpoint.close();
    const { shape } = checkpoint;
    const support = onnx.supports(shape, shape.layers, 'none', onnx.options.parse({ dtype }));
    const stated = measureCost(createCostModel(writtenShape(shape, support), { kind: 'weight_bytes' }), shape.layers);
    const stored = ModelProto.decode(await readFile(graph)).graph?.initializer ?? [];
    const weights = stored.filter(({ name }) => name.startsWith('model.'));
    expect(weights.reduce((sum, { rawData }) => sum + rawData.length, 0)).toBe(stated);
  });

  it.each([
    ['float32', 0],
    ['float16', 2 ** -12],
    ['int8', 1 / 253],
  ] as const)('reads a large matrix once, in pieces of whole rows: %s', async (dtype, tolerance) => {
    const directory = await makeFolder();
    const [rows, columns] = [1001, 3000]; // 12 MB; rows that are no whole blocks
    const { matrix, values, asked } = makeMatrix(rows, columns);
    const graph = createGraphBuilder('pieces');
    const weights = createGraphWeights(graph, [matrix], dtype);
    weights.rows('w', graph.integers([0]));
    await writeOnnx({ directory, file: 'm', graph, tensors: weights.tensors, fileBytes: 1e9, work: unattended });
    expect(Math.max(...asked) * columns * 4).toBeLessThanOrEqual(4 * 2 ** 20);
    expect(asked.reduce((sum, count) => sum + count, 0)).toBe(rows);
    const stored = readMatrix(await readTensors(join(directory, 'm')), 'w', dtype, columns);
    expect(stored.length).toBe(values.length);
    const isFar = (value: number, place: number): boolean => !(Math.abs(value - (stored[place] ?? NaN)) <= tolerance);
    expect(values.findIndex(isFar)).toBe(-1);
  });

  it.each(['float32', 'int8'] as const)('stops within a large matrix if it is cancelled: %s', async (dtype) => {
    const directory = await makeFolder();
    const { matrix, asked } = makeMatrix(1601, 3000);
    const graph = createGraphBuilder('pieces');
    const weights = createGraphWeights(graph, [matrix], dtype);
    weights.rows('w', graph.integers([0]));
    const abort = new AbortController();
    const work = { signal: abort.signal, report: () => abort.abort(new Error('no more of it')) };
    await expect(
      writeOnnx({ directory, file: 'm', graph, tensors: weights.tensors, fileBytes: 1e9, work }),
    ).rejects.toThrow('no more of it');
    expect(asked.reduce((sum, count) => sum + count, 0)).toBeLessThan(1601);
  });

  it('multiplies by 8-bit matrices whose rows are no whole blocks, and takes rows of them', async () => {
    const [rows, columns] = [5, 40];
    const { matrix, values } = makeMatrix(rows, columns);
    const graph = createGraphBuilder('blocks');
    const weights = createGraphWeights(graph, [matrix], 'int8');
    graph.output('rows', weights.rows('w', graph.input('numbers', [1, 2], 'int64')), [1, 2, columns]);
    graph.output('product', weights.product(graph.input('values', [1, columns]), 'w'), [1, rows]);
    const directory = await makeFolder();
    await writeOnnx({ directory, file: 'm', graph, tensors: weights.tensors, fileBytes: 1e9, work: unattended });
    const { InferenceSession, Tensor } = await loadOnnxRuntime();
    const session = await InferenceSession.create(join(directory, 'm'), { logSeverityLevel: 3 });
    const operand = Float32Array.from({ length: columns }, (_, place) => Math.cos(place));
    const found = await session.run({
      numbers: new Tensor('int64', BigInt64Array.of(4n, 1n), [1, 2]),
      values: new Tensor('float32', operand, [1, columns]),
    });
    await session.release();
    const rowOf = (row: number): Float32Array => values.subarray(row * columns, (row + 1) * columns);
    const taken = found['rows']?.data as Float32Array;
    expect(largestDifference(taken, [...rowOf(4), ...rowOf(1)])).toBeLessThanOrEqual(1 / 253);
    const products = range(0, rows).map((row) =>
      rowOf(row).reduce((sum, value, place) => sum + value * (operand[place] ?? NaN), 0),
    );
    // Each of 40 terms is off by 1/127 of 1 at most: half a step of the weight and half a step of the activation.
    expect(largestDifference(found['product']?.data as Float32Array, products)).toBeLessThan(40 / 127);
    expect(Math.max(...products.map(Math.abs))).toBeGreaterThan(2);
  });

  it('says which versions of transformers.js load a cache that differs, and refuses more files than they read', async () => {
    const checkpoint = await openCheckpoint(DEMO_DIRECTORY);
    await checkpoint.close();
    const { shape } = checkpoint;
    const [first = { kvHeads: 0, queryHeadsPerKv: 0, ffnChannels: 0 }, ...others] = shape.layers;
    const ask = (layers: typeof shape.layers, { hidden = 64, dtype = 'float32' } = {}) =>
      onnx.supports({ ...shape, hidden }, layers, 'none', onnx.options.parse({ dtype, shard_bytes: 1_000_000 }));
    expect(ask(shape.layers)).toMatchObject({ loadsIn: ['ONNX Runtime', 'transformers.js'] });
    expect(ask([{ ...first, kvHeads: 2 }, ...others])).toMatchObject({
      loadsIn: ['ONNX Runtime', 'transformers.js 4.2 or later'],
    });
    expect(ask(shape.layers, { dtype: 'int8' })).toMatchObject({
      loadsIn: ['ONNX Runtime 1.22 or later', 'transformers.js 4 or later'],
    });
    // Each matrix is larger than a file: 5 x 7 and the embedding, then 100 x 7 and the embedding.
    expect(ask(shape.layers, { hidden: 65_536 })).toMatchObject({ ok: true });
    expect(
      ask(
        range(0, 100).map(() => first),
        { hidden: 65_536 },
      ),
    ).toEqual({
      ok: false,
      reason: 'shard_bytes 1000000 makes 701 files of weights, and transformers.js reads at most 100; raise it',
    });
  });
});

/** Tokens of any vocabulary of the families. */
const PROMPT = range(0, 15).map((place) => (5 * place * place + 11) % 96);

interface Expected {
  readonly input_ids: readonly (readonly number[])[];
  readonly cases: Readonly<Record<string, { readonly logits_last_position: readonly (readonly number[])[] }>>;
}

const { input_ids: inputIds, cases } = hasShared
  ? (JSON.parse(readFileSync(sharedPath('reference/families/expected.json'), 'utf8')) as Expected)
  : { input_ids: [], cases: {} };

describe.skipIf(!hasShared)(`onnx, families (${skipReason})`, () => {
  it.each(Object.entries(cases))('has the logits that transformers gives for %s', async (name, expected) => {
    const { graph } = await write(sharedPath('reference/families', name), undefined);
    await withOnnxDecoder(graph, async ({ run }) => {
      for (const [row, logits] of (await run(inputIds)).entries())
        expect(largestDifference(logits.subarray(-96), expected.logits_last_position[row] ?? [])).toBeLessThan(1e-3);
    });
    proves({
      exporter: 'onnx',
      runtime: 'ONNX Runtime',
      types: ['float32'],
      layers: ['one shape'],
      families: ['llama', 'mistral', 'qwen2', 'qwen3'],
    });
  });

  it.each(Object.keys(cases))('has the logits of the engine where layers of %s differ or lost a half', async (name) => {
    const checkpoint = await openCheckpoint(sharedPath('reference/families', name));
    await checkpoint.close();
    const [first, second] = checkpoint.shape.layers.map(keepAll);
    if (first === undefined || second === undefined) throw new Error('two layers are expected');
    const heads = first.queryHeads.length / first.kvGroups.length;
    const kept = [
      {
        kvGroups: first.kvGroups.slice(1),
        queryHeads: first.queryHeads.slice(heads),
        ffnChannels: first.ffnChannels.slice(5),
      },
      { ...second, ffnChannels: [] },
    ];
    const { exported, checkpoint: written, graph } = await write(sharedPath('reference/families', name), kept);
    await withModel(written, async (model) => {
      await withOnnxDecoder(graph, async (decoder) =>
        expect(await findLargestDifference(model, decoder)).toBeLessThan(1e-3),
      );
      expect(await generateInTransformersJs(exported, PROMPT, 20)).toEqual(await generate(model, PROMPT, 20));
    });
    proves({
      exporter: 'onnx',
      runtime: 'ONNX Runtime',
      types: ['float32'],
      layers: ['FFN widths that differ', 'heads that differ', 'dropped halves'],
      families: ['llama', 'mistral', 'qwen2', 'qwen3'],
    });
    proves({
      exporter: 'onnx',
      runtime: 'transformers.js',
      types: ['float32'],
      layers: ['FFN widths that differ', 'heads that differ', 'dropped halves'],
      families: ['llama', 'mistral', 'qwen2', 'qwen3'],
    });
  });
});
