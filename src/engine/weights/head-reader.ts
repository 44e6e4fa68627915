import type { QuantisedMatrix } from '../quantisation/quantised-matrix.js';

/** The weights of the head and the norm before it. */
export interface HeadWeights<Matrix = Float32Array> {
  readonly norm: Float32Array;
  /** [vocabulary, hidden], or a part of its rows; quantised, [hidden, vocabulary]. */
  readonly head: Matrix;
}

/** The head of a model, one part of the vocabulary at a time. */
export interface HeadReader {
  /** The norm before it, [hidden]. */
  readonly norm: Float32Array;
  readonly parts: readonly HeadPart[];
}

export interface HeadPart {
  /** The first token. */
  readonly first: number;
  readonly tokens: number;
  /** [tokens, hidden]; quantised, [hidden, tokens]. */
  read(): Promise<Float32Array | QuantisedMatrix>;
}

/**
 * Runs of neighbouring tokens whose rows of the head take about 128 MiB each. They depend on the model alone, not on
 * the available memory, so that results do not depend on it either.
 */
export function splitVocabulary(
  vocabulary: number,
  hidden: number,
  mostBytes = MOST_PART_BYTES,
): { readonly first: number; readonly tokens: number }[] {
  const parts = Math.max(1, Math.ceil((4 * vocabulary * hidden) / mostBytes));
  const starts = Array.from({ length: parts + 1 }, (_, part) => Math.round((vocabulary * part) / parts));
  return starts.slice(0, -1).map((first, part) => ({ first, tokens: (starts[part + 1] ?? vocabulary) - first }));
}

/** The head of SmolLM2 is one part (113 MB), that of a 7B model is four. */
const MOST_PART_BYTES = 128 * 1024 * 1024;
