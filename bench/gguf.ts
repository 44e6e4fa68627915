import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import type { LayerArchitecture } from '../src/core/model/shape.js';
import { openCheckpoint } from '../src/engine/checkpoint/open-checkpoint.js';
import { createCheckpointFiles } from '../src/engine/files/checkpoint-files.js';
import { type LanguageModel } from '../src/engine/language-model.js';
import { openLanguageModel } from '../src/engine/open-language-model.js';
import { loadTokenizer } from '../src/engine/tokenizer/tokenizer.js';
import { measureLlamaPerplexity, predictLlama, tokenizeLlama, withLlamaModel } from './llama-cpp.js';

/*
 * npm run bench:gguf -- --model DIR [--model DIR ...] --text FILE [--shape NAME] [--json FILE]: prunes models to several shapes by the
 * command line, each written as a checkpoint and as GGUF files of several types, and compares the files in llama.cpp
 * with the checkpoint in the engine: the perplexity on 4 windows of 128 tokens, 20 greedy tokens after the first 16, and
 * how the text is split.
 */

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', multiple: true, default: [] },
    text: { type: 'string', default: '' },
    /** Part of the name of a shape; all shapes by default. */
    shape: { type: 'string', default: '' },
    json: { type: 'string' },
  },
});

const PRUNECAST = resolve(import.meta.dirname, '../src/cli/main.js');
const TYPES = ['f32', 'f16', 'q8_0', 'q4_0'] as const;
const WINDOWS = 4;
const WINDOW_TOKENS = 128;
const PROMPT_TOKENS = 16;
const GREEDY_TOKENS = 20;

/** Words whose tokens are compared. */
const WORDS = 5000;

interface Row {
  readonly model: string;
  readonly shape: string;
  readonly compensation: string;
  readonly perplexity: number;
  /** Of each type: llama.cpp's perplexity over the engine's, less 1. */
  readonly off: Readonly<Record<string, number>>;
  readonly bytes: Readonly<Record<string, number>>;
  /** Of f32: how many of the greedy tokens are those of the engine. */
  readonly greedy: number;
  /** Of the words, how many tokens the source's tokenizer and llama.cpp's find differently. */
  readonly otherTokens: number;
}

const rows: Row[] = [];
for (const directory of flags.model.map((model) => resolve(model))) {
  const { shape } = await openCheckpoint(directory);
  for (const [name, architecture, compensation] of listShapes(shape.layers)) {
    if (!name.includes(flags.shape)) continue;
    const row = await measureShape(directory, name, architecture, compensation);
    rows.push(row);
    console.log(JSON.stringify(row));
  }
}
if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify({ rows }, undefined, 2)}\n`);

/** What is kept; widths are multiples of 32, as blocks of quantised values need them. */
function listShapes(dense: readonly LayerArchitecture[]): [string, readonly LayerArchitecture[], string][] {
  const uniform = dense.map((layer) => ({ ...layer, ffnChannels: channels(layer, 0.8) }));
  const perLayer = dense.map((layer, index) => ({
    ...(index % 4 === 1 ? halved(layer) : layer),
    ffnChannels: channels(layer, 1 - 0.1 * (index % 5)),
  }));
  const middle = Math.floor(dense.length / 2);
  const dropped = perLayer.map((layer, index) => ({
    ...layer,
    ...(index === middle || index === middle + 2 ? { kvHeads: 0, queryHeadsPerKv: 0 } : {}),
    ...(index === middle + 1 || index === middle + 2 ? { ffnChannels: 0 } : {}),
  }));
  return [
    ['dense', dense, 'none'],
    ['per layer, dropped halves', dropped, 'mean'],
    ['uniform', uniform, 'least-squares'],
    ['per layer', perLayer, 'none'],
  ];
}

function channels({ ffnChannels }: LayerArchitecture, share: number): number {
  return 32 * Math.round((share * ffnChannels) / 32);
}

function halved(layer: LayerArchitecture): LayerArchitecture {
  return { ...layer, kvHeads: Math.ceil(layer.kvHeads / 2) };
}

async function measureShape(
  directory: string,
  shape: string,
  architecture: readonly LayerArchitecture[],
  compensation: string,
): Promise<Row> {
  const folder = await mkdtemp(join(tmpdir(), 'prunecast-gguf-'));
  try {
    await prune(directory, architecture, compensation, folder);
    const output = join(folder, 'pruned');
    const tokenizer = await loadTokenizer(createCheckpointFiles({ directory }));
    if (tokenizer === undefined) throw new Error(`${directory} has no tokenizer.json`);
    const text = await readFile(flags.text, 'utf8');
    const words = text
      .split(/(?<=\s)/)
      .slice(0, WORDS)
      .join('');
    const [tokens = new Int32Array()] = await tokenizer.encodeAll([words]);
    const windows = Array.from({ length: WINDOWS }, (_, window) => [
      ...tokens.subarray(window * WINDOW_TOKENS, (window + 1) * WINDOW_TOKENS),
    ]);
    const prompt = windows[0]?.slice(0, PROMPT_TOKENS) ?? [];
    const engine = await measureEngine(join(output, 'hf'), windows, prompt);
    const off: Record<string, number> = {};
    const bytes: Record<string, number> = {};
    let greedy = 0;
    let otherTokens = 0;
    for (const type of TYPES) {
      const path = join(output, type, 'model.gguf');
      bytes[type] = (await stat(path)).size;
      await withLlamaModel(path, async (model) => {
        off[type] = (await measureLlamaPerplexity(model, windows)) / engine.perplexity - 1;
        if (type !== 'f32') return;
        const predicted = await predictLlama(model, prompt, GREEDY_TOKENS);
        greedy = engine.greedy.filter((token, index) => predicted[index] === token).length;
        const split = tokenizeLlama(model, words);
        otherTokens =
          Math.abs(split.length - tokens.length) + split.filter((token, index) => token !== tokens[index]).length;
      });
    }
    return {
      model: basename(directory),
      shape,
      compensation,
      perplexity: engine.perplexity,
      off,
      bytes,
      greedy,
      otherTokens,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function prune(
  directory: string,
  architecture: readonly LayerArchitecture[],
  compensation: string,
  folder: string,
): Promise<void> {
  const layers = architecture.map((layer) => ({
    kv_heads: layer.kvHeads,
    query_heads_per_kv: layer.queryHeadsPerKv,
    ffn_channels: layer.ffnChannels,
  }));
  await writeFile(join(folder, 'architecture.json'), JSON.stringify(layers));
  const words = ['prune', '--model', directory, '--architecture', 'architecture.json', '--criterion', 'magnitude'];
  words.push('--compensation', compensation, '--output', 'pruned', '--exporter', 'hf');
  if (compensation !== 'none') words.push('--calibration', resolve(flags.text), '--sequences', '32');
  for (const type of TYPES) words.push('--exporter', `${type}=gguf`, '--exporter-option', `${type}.type=${type}`);
  await promisify(execFile)(process.execPath, [PRUNECAST, ...words], {
    cwd: folder,
    env: { ...process.env, PRUNECAST_STATE_DIRECTORY: join(folder, 'state') },
  });
}

async function measureEngine(directory: string, windows: readonly (readonly number[])[], prompt: readonly number[]) {
  const model = await openLanguageModel(await openCheckpoint(directory));
  try {
    const losses: number[] = [];
    for (const window of windows) {
      const next = await listNext(model, window);
      window.slice(1).forEach((token, index) => losses.push(next[index]?.loss(token) ?? Number.NaN));
    }
    const greedy: number[] = [];
    while (greedy.length < GREEDY_TOKENS)
      greedy.push((await listNext(model, [...prompt, ...greedy])).at(-1)?.likeliest ?? 0);
    return { perplexity: Math.exp(losses.reduce((sum, loss) => sum + loss, 0) / losses.length), greedy };
  } finally {
    await model.close();
  }
}

/** What the engine predicts after each token. */
async function listNext(model: LanguageModel, tokens: readonly number[]) {
  const { vocabulary } = model.shape;
  const logits = await model.logits(Int32Array.from(tokens));
  return tokens.map((_, place) => {
    const row = logits.subarray(place * vocabulary, (place + 1) * vocabulary);
    const largest = row.reduce((most, logit) => Math.max(most, logit), -Infinity);
    const weight = row.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
    return {
      likeliest: row.indexOf(largest),
      loss: (token: number): number => Math.log(weight) + largest - (row[token] as number),
    };
  });
}
