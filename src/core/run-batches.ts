import { countRunnable, growForest, type PrefixNode } from './prefix-forest.js';
import { batchSequences, TOKENS_PER_RUN } from './sequence-batches.js';
import type { Sequence } from './sequence.js';

/** Tokens that run one after the other, after those that lie before them in the same sequences. */
export interface TokenRun {
  readonly tokens: Int32Array;
  /** The position of the first one in its sequences. Those before it are those of earlier runs. */
  readonly from: number;
  /** The row of the first one among all rows of the batch. */
  readonly row: number;
}

/** A sequence whose predictions come from a batch. */
export interface RunReader {
  /** Its place in the list that was batched. */
  readonly sequence: number;
  /** The runs that its tokens are in, by their places in the batch, first tokens first. */
  readonly runs: readonly number[];
}

/**
 * Tokens that go through the model together; they need no others. Runs are in the order of a walk through the trees of
 * their sequences, depth first: those that a run continues are the last ones that end at each position before it.
 */
export interface RunBatch {
  readonly runs: readonly TokenRun[];
  readonly readers: readonly RunReader[];
  /** Tokens of all runs. */
  readonly rows: number;
}

export interface RunOptions {
  /**
   * `shared`: tokens that sequences begin with alike run once; `apart`: each sequence runs whole.
   *
   * @default 'shared'
   */
  readonly prefixes?: 'shared' | 'apart';
  /** Longer sequences run whole: of some models, keys depend on the length of their sequence. @default Infinity */
  readonly mostShared?: number;
}

/**
 * Most tokens of a batch that have a prefix in common: it is run again for the next ones. Hidden states of so many tokens
 * are in memory at once.
 */
const TOKENS_PER_PREFIX = 8192;

/**
 * Batches for sequences. They depend on the sequences alone, so that each is computed by the same arithmetic whatever
 * else is evaluated, and wherever. Sequences of one length that have no beginning in common run whole; so do those without
 * spans, in batches of their own.
 */
export function planRuns(
  sequences: readonly Sequence[],
  { prefixes = 'shared', mostShared = Infinity }: RunOptions = {},
): RunBatch[] {
  const isScored = (place: number): boolean => countRunnable(sequences[place] as Sequence) > 0;
  const isApart = (place: number): boolean =>
    prefixes === 'apart' || (sequences[place]?.tokens.length ?? 0) > mostShared;
  const places = [...sequences.keys()];
  const scored = places.filter(isScored);
  const trees = growForest(
    sequences,
    scored.filter((place) => !isApart(place)),
  );
  return [
    ...(areWindows(trees, sequences)
      ? batchWhole(sequences, scored)
      : [...batchWhole(sequences, scored.filter(isApart)), ...packTrees(trees)]),
    ...batchWhole(
      sequences,
      places.filter((place) => !isScored(place)),
    ),
  ];
}

/** What running sequences takes. */
export interface RunSizes {
  /** Tokens that run, those of a shared prefix once. */
  readonly tokens: number;
  /** Tokens of the longest sequence. */
  readonly longest: number;
  /** Tokens of the largest batch. */
  readonly together: number;
}

/** What running these sequences takes, planned by `planRuns`. */
export function measureSequences(sequences: readonly Sequence[]): RunSizes {
  return measureRuns(sequences, planRuns(sequences));
}

export function measureRuns(
  sequences: readonly Pick<Sequence, 'tokens'>[],
  batches: readonly Pick<RunBatch, 'rows'>[],
): RunSizes {
  return {
    tokens: batches.reduce((sum, { rows }) => sum + rows, 0),
    longest: sequences.reduce((most, { tokens }) => Math.max(most, tokens.length), 1),
    together: batches.reduce((most, { rows }) => Math.max(most, rows), 1),
  };
}

/** The row of a batch that has a position of a sequence. */
export function findRow({ runs }: Pick<RunBatch, 'runs'>, reader: RunReader, position: number): number {
  for (const place of reader.runs) {
    const { from, tokens, row } = runs[place] as TokenRun;
    if (position < from + tokens.length) return row + position - from;
  }
  throw new RangeError(`position ${position} of sequence ${reader.sequence} does not run`);
}

/** Whether these are sequences of one length that share nothing. */
function areWindows(trees: readonly PrefixNode[], sequences: readonly Sequence[]): boolean {
  const lengthOf = (place = 0): number => sequences[place]?.tokens.length ?? 0;
  return trees.every(
    ({ children, ends: [first, ...others] }) =>
      children.length + others.length === 0 && lengthOf(first) === lengthOf(trees[0]?.ends[0]),
  );
}

function batchWhole(sequences: readonly Sequence[], places: readonly number[]): RunBatch[] {
  const inputs = places.map((place) => ({ tokens: sequences[place]?.tokens ?? new Int32Array() }));
  return batchSequences(inputs).map(({ length, sequences: batched }) => ({
    runs: batched.map((input, run) => ({
      tokens: inputs[input]?.tokens ?? new Int32Array(),
      from: 0,
      row: run * length,
    })),
    readers: batched.map((input, run) => ({ sequence: places[input] ?? 0, runs: [run] })),
    rows: batched.length * length,
  }));
}

/** Small trees share a batch; a large one is divided, and what its parts have in common is in each of them. */
function packTrees(trees: readonly PrefixNode[]): RunBatch[] {
  const batches: RunBatch[] = [];
  const sizes = new Map<PrefixNode, number>();
  let batch = createBatch();

  const add = (node: PrefixNode): number => {
    batch.runs.push({ tokens: node.tokens, from: node.from, row: batch.rows });
    batch.rows += node.tokens.length;
    return batch.runs.length - 1;
  };
  const startBatch = (): void => {
    if (batch.rows > 0) batches.push(batch);
    batch = createBatch();
  };
  const visit = (node: PrefixNode, before: readonly PrefixNode[], path: { runs: number[]; isUsed: boolean }): void => {
    const whole = sizes.get(node) ?? 0;
    const needed = node.from + whole <= TOKENS_PER_PREFIX ? whole : node.tokens.length;
    if (path.isUsed && batch.rows + needed > TOKENS_PER_PREFIX) {
      startBatch();
      Object.assign(path, { runs: before.map(add), isUsed: false });
    }
    const place = add(node);
    path.isUsed = true;
    path.runs.push(place);
    for (const sequence of node.ends) batch.readers.push({ sequence, runs: [...path.runs] });
    for (const child of node.children) visit(child, [...before, node], path);
    path.runs.pop();
  };

  for (const tree of trees) {
    const size = measureTree(tree, sizes);
    if (batch.rows + size > TOKENS_PER_RUN) startBatch();
    visit(tree, [], { runs: [], isUsed: false });
  }
  startBatch();
  return batches;
}

function createBatch(): { runs: TokenRun[]; readers: RunReader[]; rows: number } {
  return { runs: [], readers: [], rows: 0 };
}

/** Tokens of a tree; those of each tree within are kept in `sizes`. */
function measureTree(node: PrefixNode, sizes: Map<PrefixNode, number>): number {
  const size = node.tokens.length + node.children.reduce((sum, child) => sum + measureTree(child, sizes), 0);
  sizes.set(node, size);
  return size;
}
