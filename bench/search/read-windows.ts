import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { createCheckpointFiles } from '../../src/engine/files/checkpoint-files.js';
import { loadTokenizer } from '../../src/engine/tokenizer/tokenizer.js';

/** Chosen windows of a text, one after another: cutting them into windows of the same length returns them unchanged. */
export interface ChosenWindows {
  readonly name: string;
  readonly window: number;
  readonly count: number;
  readonly tokens: Int32Array;
}

/**
 * Reads FILE:WINDOW:COUNT (COUNT windows spread evenly over the text) and FILE:WINDOW:EVERY/FIRST (each EVERY-th of the
 * FIRST windows).
 */
export async function readWindows(model: string, specs: readonly string[]): Promise<ChosenWindows[]> {
  if (specs.length === 0) return [];
  const tokenizer = await loadTokenizer(createCheckpointFiles({ directory: model }));
  if (tokenizer === undefined) throw new Error(`${model} has no tokenizer.json, which other texts need`);
  const contents = await Promise.all(specs.map(async (spec) => readText(spec.split(':')[0] ?? '')));
  const encoded = await tokenizer.encodeAll(contents);
  return specs.map((spec, index) => choose(spec, encoded[index] ?? new Int32Array()));
}

async function readText(path: string): Promise<string> {
  const content = await readFile(path, 'utf8');
  return path.endsWith('.json') ? (JSON.parse(content) as string[]).join('\n\n') : content;
}

function choose(spec: string, tokens: Int32Array): ChosenWindows {
  const [path = '', length = '512', choice = '64'] = spec.split(':');
  const window = Number(length);
  const total = Math.floor(tokens.length / window);
  const [step, first] = choice.split('/').map(Number);
  const starts =
    first === undefined
      ? Array.from({ length: Math.min(total, Number(choice)) }, (_, index) =>
          Math.floor(((index + 0.5) * total) / Math.min(total, Number(choice))),
        )
      : Array.from({ length: Math.ceil(Math.min(total, first) / (step ?? 1)) }, (_, index) => index * (step ?? 1));
  const chosen = new Int32Array(starts.length * window);
  starts.forEach((start, index) => chosen.set(tokens.subarray(start * window, (start + 1) * window), index * window));
  return { name: `${basename(path)} ${window} x ${starts.length}`, window, count: starts.length, tokens: chosen };
}
