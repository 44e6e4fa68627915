import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { DataFile, DataRow, EvaluationRows } from '../../src/core/ports/evaluator.js';
import { createCheckpointFiles } from '../../src/engine/files/checkpoint-files.js';
import { loadTokenizer } from '../../src/engine/tokenizer/tokenizer.js';
import { STORIES_SHAPE } from './shapes.js';

/** Rows as an evaluator gets them, with a tokenizer that makes a token of each match of `pieces`, by its characters. */
export function rowsOf(
  files: readonly DataFile[],
  { pieces = /./gsu, ...changes }: Partial<EvaluationRows> & { readonly pieces?: RegExp } = {},
): EvaluationRows {
  return {
    files,
    digest: 'rows',
    tokenizerDigest: 'tokenizer',
    bosToken: 1,
    shape: STORIES_SHAPE,
    maxPositions: 512,
    tokenize: async (texts) => texts.map((text) => tokensOf(text, pieces)),
    ...changes,
  };
}

/** One number per piece of a text: its characters' codes in a row. */
export function tokensOf(text: string, pieces = /./gsu): Int32Array {
  return Int32Array.from(text.match(pieces) ?? [], (piece) =>
    [...piece].reduce((token, character) => token * 1000 + (character.codePointAt(0) ?? 0), 0),
  );
}

/** A file of rows, a line each. */
export function fileOf(name: string, rows: readonly DataRow['values'][]): DataFile {
  return { name, rows: rows.map((values, index) => ({ line: index + 1, values })) };
}

/** A JSONL file. */
export function readJsonLines(path: string): DataFile {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return fileOf(
    basename(path),
    lines.map((line) => JSON.parse(line) as Record<string, unknown>),
  );
}

/** Rows with the tokenizer of a checkpoint. */
export async function rowsFor(files: readonly DataFile[], checkpoint: string): Promise<EvaluationRows> {
  const tokenizer = await loadTokenizer(createCheckpointFiles({ directory: checkpoint }));
  if (tokenizer === undefined) throw new Error(`${checkpoint} has no tokenizer.json`);
  return rowsOf(files, { maxPositions: 2048, tokenize: async (texts) => [...(await tokenizer.encodeAll(texts))] });
}
