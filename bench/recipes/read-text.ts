import { readFile } from 'node:fs/promises';
import { digestBytes } from '../../src/engine/files/digest.js';
import type { Tokenizer } from '../../src/engine/tokenizer/tokenizer.js';
import { pickCalibrationSequences } from '../../src/server/requests/calibration-sequences.js';

/** Where windows and calibration sequences come from. */
export interface BenchText {
  /** The first windows of so many tokens. */
  windows(count: number, tokens: number): readonly Int32Array[];
  sequences(count: number, tokens: number): readonly Int32Array[];
}

/**
 * A text is cut into consecutive windows, and sequences are spread over it. Of a JSON list of stories, each window or
 * sequence is BOS and the beginning of one: sequences of the first stories, windows of the last ones.
 */
export async function readBenchText(
  tokenizer: Tokenizer,
  file: string,
  bosToken: number | undefined,
): Promise<BenchText> {
  const content = await readFile(file, 'utf8');
  if (!file.endsWith('.json')) {
    const [tokens = new Int32Array()] = await tokenizer.encodeAll([content]);
    return {
      windows: (count, length) =>
        Array.from({ length: count }, (_, place) => tokens.subarray(place * length, (place + 1) * length)),
      sequences: (count, length) =>
        pickCalibrationSequences(
          { tokens, digest: digestBytes(tokens) },
          { sequences: count, sequenceTokens: length, bos: false, part: { from: 0, to: 1 } },
          'calibration',
        ).sequences,
    };
  }
  const stories = await tokenizer.encodeAll(JSON.parse(content) as string[]);
  const begin = (asked: readonly Int32Array[], length: number): Int32Array[] =>
    asked
      .map((story) => Int32Array.from([...(bosToken === undefined ? [] : [bosToken]), ...story]).subarray(0, length))
      .filter((tokens) => tokens.length === length);
  return {
    windows: (count, length) => begin(stories.slice(-count), length),
    sequences: (count, length) => begin(stories.slice(0, count), length),
  };
}
