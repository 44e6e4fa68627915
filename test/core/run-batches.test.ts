import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countRunnable, LEAST_SHARED } from '../../src/core/prefix-forest.js';
import { findRow, planRuns, type RunBatch, type TokenRun } from '../../src/core/run-batches.js';
import { scoreFrom, type Sequence } from '../../src/core/sequence.js';

const countTokens = (batches: readonly RunBatch[]): number => batches.reduce((sum, { rows }) => sum + rows, 0);
const sequencesOf = (lists: readonly (readonly number[])[]): Sequence[] =>
  lists.map((tokens) => scoreFrom(Int32Array.from(tokens)));
const repeat = (token: number, count: number): number[] => Array.from({ length: count }, () => token);

/** Sequences that often begin alike, for long enough or not. */
const manySequences = fc
  .array(
    fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 1, max: 40 })), { minLength: 1, maxLength: 5 }),
    {
      minLength: 1,
      maxLength: 30,
    },
  )
  .map((pieces) =>
    pieces.map((list, index): Sequence => {
      const tokens = Int32Array.from([9, ...list.flatMap(([token, count]) => repeat(token, count)), index % 3]);
      return { tokens, spans: [{ from: 1, to: tokens.length - (index % 2) }] };
    }),
  );

/** The tokens that a reader finds at each position before its last. */
function readTokens({ runs }: RunBatch, path: readonly number[]): number[] {
  return path.flatMap((place) => [...(runs[place]?.tokens ?? [])]);
}

describe('planRuns', () => {
  it('has each sequence read its own tokens, each at its position, from runs that come in their order', () => {
    fc.assert(
      fc.property(manySequences, (sequences) => {
        const batches = planRuns(sequences);
        const read = batches.flatMap(({ readers }) => readers.map(({ sequence }) => sequence));
        expect(read.toSorted((a, b) => a - b)).toEqual([...sequences.keys()]);
        for (const batch of batches)
          for (const reader of batch.readers) {
            const { tokens, spans } = sequences[reader.sequence] as Sequence;
            const runnable = countRunnable({ spans });
            expect(readTokens(batch, reader.runs).slice(0, runnable)).toEqual([...tokens.subarray(0, runnable)]);
            let next = 0;
            for (const place of reader.runs) {
              const { from, tokens: own } = batch.runs[place] as TokenRun;
              expect(from).toBe(next);
              next += own.length;
            }
            expect(findRow(batch, reader, runnable - 1)).toBeLessThan(batch.rows);
          }
      }),
    );
  });

  it('leaves the tokens before each run where an engine finds them that keeps the last ones of each position', () => {
    fc.assert(
      fc.property(manySequences, (sequences) => {
        for (const { runs, readers } of planRuns(sequences)) {
          const last: number[] = []; // by position
          const seen = runs.map(({ from, tokens }) => {
            tokens.forEach((token, at) => (last[from + at] = token));
            return last.slice(0, from + tokens.length);
          });
          for (const { sequence, runs: path } of readers) {
            const { tokens, spans } = sequences[sequence] as Sequence;
            const runnable = countRunnable({ spans });
            expect(seen[path.at(-1) ?? -1]?.slice(0, runnable)).toEqual([...tokens.subarray(0, runnable)]);
          }
        }
      }),
    );
  });

  it('never runs more tokens than the sequences have', () => {
    fc.assert(
      fc.property(manySequences, (sequences) => {
        expect(countTokens(planRuns(sequences))).toBeLessThanOrEqual(
          countTokens(planRuns(sequences, { prefixes: 'apart' })),
        );
      }),
    );
  });

  it('runs the context of choices once, and no choice of one token', () => {
    const [prefix, question, other] = [repeat(1, 100), repeat(2, 30), repeat(3, 40)];
    const sequences = sequencesOf(
      [question, other].flatMap((asked) => [5, 6, 7, 8].map((choice) => [...prefix, ...asked, choice])),
    );
    const [batch, ...others] = planRuns(sequences);
    expect(others).toEqual([]);
    expect(batch?.runs.map(({ from, tokens, row }) => [from, tokens.length, row])).toEqual([
      [0, 100, 0],
      [100, 30, 100],
      [100, 40, 130],
    ]);
    expect(batch?.readers.map(({ runs }) => runs)).toEqual([
      ...[0, 1, 2, 3].map(() => [0, 1]),
      ...[0, 1, 2, 3].map(() => [0, 2]),
    ]);
  });

  it('runs windows of one text whole, whether they begin with the same token or not', () => {
    const front = repeat(0, LEAST_SHARED - 1);
    const windows = sequencesOf(Array.from({ length: 40 }, (_, index) => [...front, ...repeat(index + 1, 113)]));
    const batches = planRuns(windows);
    // 16 windows of 128 tokens have 2,048.
    expect(batches.map(({ readers }) => readers.length)).toEqual([16, 16, 8]);
    expect(countTokens(batches)).toBe(40 * 128);
    expect(batches).toEqual(planRuns(windows, { prefixes: 'apart' }));
  });

  it('runs a beginning once from 16 tokens on', () => {
    const sequences = sequencesOf([1, 2].map((last) => [...repeat(0, LEAST_SHARED), ...repeat(last, 5)]));
    expect(countTokens(planRuns(sequences))).toBe(16 + 2 * 4);
  });

  it('divides a large tree into batches of at most 8,192 tokens that each begin with what they have in common', () => {
    const questions = Array.from({ length: 100 }, (_, index) => [...repeat(0, 500), ...repeat(index + 1, 200), 0]);
    const batches = planRuns(sequencesOf(questions));
    // 38 questions of 200 tokens fit beside 500.
    expect(batches.map(({ rows }) => rows)).toEqual([500 + 38 * 200, 500 + 38 * 200, 500 + 24 * 200]);
    expect(batches.every(({ runs: [first] }) => first?.from === 0 && first.tokens.length === 500)).toBe(true);
  });

  it('runs sequences without spans whole and apart from those that are scored', () => {
    const scored = sequencesOf([5, 6].map((choice) => [...repeat(1, 40), choice]));
    const prompts = [1, 1].map((token) => ({ tokens: Int32Array.from(repeat(token, 40)), spans: [] }));
    const batches = planRuns([...prompts, ...scored]);
    expect(batches.map(({ rows, readers }) => [rows, readers.map(({ sequence }) => sequence)])).toEqual([
      [40, [2, 3]],
      [80, [0, 1]],
    ]);
  });

  it('runs sequences whole that are longer than those whose keys depend on no length', () => {
    const sequences = sequencesOf([...Array.from({ length: 3 }, () => repeat(1, 100)), repeat(1, 99), repeat(1, 98)]);
    const batches = planRuns(sequences, { mostShared: 99 });
    expect(batches.map(({ runs }) => runs.map(({ tokens }) => tokens.length))).toEqual([[100, 100, 100], [98]]);
  });
});
