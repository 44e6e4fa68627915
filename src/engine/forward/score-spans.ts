import { findRow, type RunBatch } from '../../core/run-batches.js';
import { countScored, type Sequence } from '../../core/sequence.js';
import type { HeadReader } from '../weights/head-reader.js';
import type { BlockRunner } from './block-runner.js';
import type { HiddenStates, StatePool } from './hidden-states.js';
import type { SpanScores } from './span-scores.js';

/** Batches with their hidden states after the last block. */
export interface EndedBatches {
  readonly batches: readonly RunBatch[];
  readonly sequences: readonly Sequence[];
  /** Where the spans of each sequence begin among those of all (`placeSpans`). */
  readonly places: Int32Array;
  readonly states: HiddenStates;
  /** Lends the arrays for the rows that go through the head. */
  readonly pool: StatePool;
}

/**
 * Adds each span's loss, in float64, and its hits to `scores`.
 *
 * Only the rows that predict a scored token go through the head, some hundred at a time: all logits of a sequence of 512
 * tokens of SmolLM2 would take 100 MB. A head of several parts is read once, part by part, whatever the number of
 * batches.
 */
export async function scoreSpans(
  runner: BlockRunner,
  head: HeadReader,
  ended: EndedBatches,
  scores: SpanScores,
  signal: AbortSignal,
): Promise<void> {
  const [only, ...others] = head.parts;
  if (only === undefined) throw new RangeError('a head has at least one part');
  const add = (span: number, logLikelihood: number, hit: number): void => {
    scores.losses[span] = (scores.losses[span] ?? 0) - logLikelihood;
    scores.hits[span] = (scores.hits[span] ?? 0) + hit;
  };
  if (others.length > 0) {
    await scoreByParts(runner, head, ended, add, signal);
    return;
  }
  const weights = { norm: head.norm, head: await only.read() };
  for await (const { scored, states } of listRuns(ended, head, sideOf(ended, only.tokens), signal)) {
    const { targets, spans } = scored;
    const found = { logLikelihoods: new Float32Array(targets.length), hits: new Int32Array(targets.length) };
    await runner.scoreTargets(weights, states, targets, found);
    for (const [place, span] of spans.entries())
      add(span, found.logLikelihoods[place] as number, found.hits[place] as number);
  }
}

/**
 * Rows that go through the head together: logits of about 64 MB, where the product was fastest, and at most 2,048 rows.
 */
export function countHeadRows(vocabulary: number): number {
  return Math.max(16, Math.min(2048, Math.floor(MAX_LOGITS / vocabulary / 16) * 16));
}

const MAX_LOGITS = 16 * 1024 * 1024;

/** Tokens that are scored, one entry each. */
export interface ScoredTokens {
  /** Row of the batch whose state predicts the token. */
  readonly rows: Int32Array;
  readonly targets: Int32Array;
  readonly spans: Int32Array;
}

async function scoreByParts(
  runner: BlockRunner,
  head: HeadReader,
  ended: EndedBatches,
  add: (span: number, logLikelihood: number, hit: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const count = ended.batches.reduce((sum, batch) => sum + countBatched(batch, ended.sequences), 0);
  const totals = {
    span: new Int32Array(count),
    target: new Float64Array(count).fill(NaN),
    most: new Float64Array(count).fill(-Infinity),
    logSum: new Float64Array(count).fill(-Infinity),
  };
  for (const part of head.parts) {
    const weights = { norm: head.norm, head: await part.read() };
    const holds = (token: number): boolean => token >= part.first && token < part.first + part.tokens;
    for await (const { scored, states, offset } of listRuns(ended, head, sideOf(ended, part.tokens), signal)) {
      const { targets, spans } = scored;
      const found = {
        target: new Float32Array(targets.length),
        most: new Float32Array(targets.length),
        logSum: new Float32Array(targets.length),
      };
      await runner.scorePart(
        weights,
        states,
        targets.map((target) => (holds(target) ? target - part.first : 0)),
        found,
      );
      totals.span.set(spans, offset);
      for (const [place, target] of targets.entries()) {
        const at = offset + place;
        if (holds(target)) totals.target[at] = found.target[place] as number;
        totals.most[at] = Math.max(totals.most[at] as number, found.most[place] as number);
        totals.logSum[at] = addLogs(totals.logSum[at] as number, found.logSum[place] as number);
      }
    }
  }
  for (const [at, span] of totals.span.entries()) {
    const target = totals.target[at] as number;
    add(span, target - (totals.logSum[at] as number), target >= (totals.most[at] as number) ? 1 : 0);
  }
}

/** log(exp(a) + exp(b)) */
function addLogs(a: number, b: number): number {
  const [low, high] = a < b ? [a, b] : [b, a];
  return high + Math.log1p(Math.exp(low - high));
}

/** What goes through a part of the head of this many tokens. */
function sideOf({ states }: EndedBatches, tokens: number): RunSides {
  return { states: [states], rows: countHeadRows(tokens) };
}

/** What goes through a part of the head in one run. */
export interface RunSides {
  /** Hidden states of the batches: of one model, or of several side by side. */
  readonly states: readonly HiddenStates[];
  /** Most rows of each at once. */
  readonly rows: number;
}

/** The scored tokens of all batches, in runs that fit through a part of the head. */
export async function* listRuns(
  { batches, sequences, places, pool }: Omit<EndedBatches, 'states'>,
  { norm: { length: hidden } }: HeadReader,
  { states: sides, rows: rowsPerRun }: RunSides,
  signal: AbortSignal,
): AsyncGenerator<{
  readonly scored: ScoredTokens;
  /** The states that predict them, [sides, tokens, hidden]; valid until the next run is asked for. */
  readonly states: Float32Array;
  /** Of the run's first token, over all batches. */
  readonly offset: number;
}> {
  const most = batches.reduce((rows, batch) => Math.max(rows, countBatched(batch, sequences)), 0);
  // Of one length, however many rows the batches have: a pool keeps arrays by their length.
  const room = pool.take(sides.length * Math.min(most, rowsPerRun) * hidden);
  let offset = 0;
  for (const [index, batch] of batches.entries()) {
    const inBatch = listScored(batch, { sequences, places });
    for (let start = 0; start < inBatch.rows.length; start += rowsPerRun) {
      signal.throwIfAborted();
      const scored = sliceScored(inBatch, start, start + rowsPerRun);
      const length = scored.rows.length * hidden;
      const states = room.subarray(0, sides.length * length);
      for (const [side, ended] of sides.entries())
        copyRows(ended[index] as Float32Array, scored.rows, states.subarray(side * length), hidden);
      yield { scored, states, offset };
      offset += scored.rows.length;
    }
  }
  pool.give(room);
}

function listScored(batch: RunBatch, { sequences, places }: Pick<EndedBatches, 'sequences' | 'places'>): ScoredTokens {
  const count = countBatched(batch, sequences);
  const scored = { rows: new Int32Array(count), targets: new Int32Array(count), spans: new Int32Array(count) };
  let at = 0;
  for (const reader of batch.readers) {
    const { sequence } = reader;
    const { tokens, spans } = sequences[sequence] as Sequence;
    for (const [number, { from, to }] of spans.entries()) {
      scored.targets.set(tokens.subarray(from, to), at);
      scored.spans.fill((places[sequence] ?? 0) + number, at, at + to - from);
      for (let position = from; position < to; position++) scored.rows[at++] = findRow(batch, reader, position - 1);
    }
  }
  return scored;
}

/** Scored tokens of a batch. */
export function countBatched({ readers }: RunBatch, sequences: readonly Sequence[]): number {
  return countScored(readers.map(({ sequence }) => sequences[sequence] as Sequence));
}

function sliceScored({ rows, targets, spans }: ScoredTokens, start: number, end: number): ScoredTokens {
  return {
    rows: rows.subarray(start, end),
    targets: targets.subarray(start, end),
    spans: spans.subarray(start, end),
  };
}

/** Copies these rows one after the other; neighbouring ones together. */
function copyRows(from: Float32Array, rows: Int32Array, to: Float32Array, hidden: number): void {
  for (let place = 0; place < rows.length; ) {
    const first = rows[place] as number;
    let count = 1;
    while (rows[place + count] === first + count) count++;
    to.set(from.subarray(first * hidden, (first + count) * hidden), place * hidden);
    place += count;
  }
}
