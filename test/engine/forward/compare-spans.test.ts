import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/core/random.js';
import { planRuns } from '../../../src/core/run-batches.js';
import { placeSpans, scoreFrom, type Sequence } from '../../../src/core/sequence.js';
import { createBlockRunner, type BlockRunner } from '../../../src/engine/forward/block-runner.js';
import { compareSpans } from '../../../src/engine/forward/compare-spans.js';
import { createStatePool } from '../../../src/engine/forward/hidden-states.js';
import { createSessionPool } from '../../../src/engine/graph/session-pool.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { splitVocabulary } from '../../../src/engine/weights/head-reader.js';
import { DEMO_DIRECTORY, unattended } from '../../support/demo-model.js';

const HIDDEN = 64;
const VOCABULARY = 90;

const rng = createRng(7);
const draw = (count: number, scale: number): Float32Array =>
  Float32Array.from({ length: count }, () => scale * (rng.uniform() - 0.5));

const sequences: readonly Sequence[] = [
  {
    tokens: new Int32Array(8),
    spans: [
      { from: 1, to: 3 },
      { from: 4, to: 8 },
    ],
  },
  scoreFrom(new Int32Array(8), 5),
  scoreFrom(new Int32Array(5)),
];
const batches = planRuns(sequences, { prefixes: 'apart' });
const norm = draw(HIDDEN, 1).map((value) => 1 + value);
const head = draw(VOCABULARY * HIDDEN, 2);
const dense = batches.map(({ rows }) => draw(rows * HIDDEN, 2));

async function compare(states: readonly Float32Array[], mostBytes?: number) {
  const checkpoint = await openCheckpoint(DEMO_DIRECTORY);
  const sessions = createSessionPool({ threads: 1 });
  const parts = splitVocabulary(VOCABULARY, HIDDEN, mostBytes).map((part) => ({
    ...part,
    read: async () => head.subarray(part.first * HIDDEN, (part.first + part.tokens) * HIDDEN),
  }));
  const found = { divergences: new Float64Array(4), agreements: new Int32Array(4) };
  const ended = { batches, sequences, places: placeSpans(sequences), states, pool: createStatePool() };
  await compareSpans(
    createBlockRunner(checkpoint.config, sessions),
    { norm, parts },
    ended,
    dense,
    found,
    unattended.signal,
  );
  await sessions.close();
  await checkpoint.close();
  return { parts: parts.length, ...found };
}

/** Logits of a row in float64; the demo model's epsilon is 1e-5. */
function logitsOf(row: Float32Array): number[] {
  const scale = 1 / Math.sqrt(row.reduce((sum, value) => sum + value * value, 0) / HIDDEN + 1e-5);
  return Array.from({ length: VOCABULARY }, (_, token) =>
    row.reduce((sum, value, at) => sum + value * scale * (norm[at] ?? 0) * (head[token * HIDDEN + at] ?? 0), 0),
  );
}

function logSoftmax(logits: readonly number[]): number[] {
  const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
  return logits.map((logit) => logit - Math.log(sum));
}

/** Of each span, in float64: the definition. */
function expectedOf(states: readonly Float32Array[]) {
  return batches.flatMap(({ readers, rows }, batch) =>
    readers.flatMap(({ sequence }, place) =>
      (sequences[sequence]?.spans ?? []).map(({ from, to }) => {
        let [divergence, agreements] = [0, 0];
        for (let position = from; position < to; position++) {
          const at = ((place * rows) / readers.length + position - 1) * HIDDEN;
          const [p, q] = [dense, states].map((side) =>
            logSoftmax(logitsOf((side[batch] ?? head).slice(at, at + HIDDEN))),
          );
          if (p === undefined || q === undefined) continue;
          divergence += p.reduce((sum, log, token) => sum + Math.exp(log) * (log - (q[token] ?? NaN)), 0);
          agreements += p.indexOf(Math.max(...p)) === q.indexOf(Math.max(...q)) ? 1 : 0;
        }
        return { divergence, agreements };
      }),
    ),
  );
}

describe('compareSpans', () => {
  it.each([
    ['far apart', 1],
    ['close to each other', 1e-2],
  ])('finds the divergences of distributions that are %s, with the head whole or in parts', async (_, noise) => {
    const states = dense.map((side) => side.map((value) => value + noise * (rng.uniform() - 0.5)));
    const expected = expectedOf(states);
    expect(Math.min(...expected.map(({ divergence }) => divergence))).toBeGreaterThan(1e-5);
    const [whole, split] = [await compare(states), await compare(states, (4 * VOCABULARY * HIDDEN) / 3)];
    expect([whole.parts, split.parts]).toEqual([1, 3]);
    for (const { divergences, agreements } of [whole, split]) {
      expect([...agreements]).toEqual(expected.map((span) => span.agreements));
      for (const [span, { divergence }] of expected.entries())
        expect(Math.abs((divergences[span] ?? NaN) - divergence)).toBeLessThan(1e-6 + 1e-5 * divergence);
    }
  });

  it('finds 0 for equal states, in parts too', async () => {
    for (const mostBytes of [undefined, (4 * VOCABULARY * HIDDEN) / 3]) {
      const { divergences, agreements } = await compare(dense, mostBytes);
      expect([...divergences]).toEqual([0, 0, 0, 0]);
      expect([...agreements]).toEqual([2, 4, 3, 4]);
    }
  });

  it('holds no more logits at once than scoring does, 64 MB, however long the text', async () => {
    const [tokens, length] = [49_152, 2048];
    const asked: number[] = [];
    const runner: Pick<BlockRunner, 'comparePart'> = {
      comparePart: async (_weights, rows) => void asked.push(rows.length),
    };
    const long = [scoreFrom(new Int32Array(length))];
    const states = [new Float32Array(length)];
    await compareSpans(
      runner as BlockRunner,
      { norm: new Float32Array(1), parts: [{ first: 0, tokens, read: async () => new Float32Array() }] },
      {
        batches: planRuns(long),
        sequences: long,
        places: placeSpans(long),
        states,
        pool: createStatePool(),
      },
      states,
      { divergences: new Float64Array(1), agreements: new Int32Array(1) },
      unattended.signal,
    );
    expect(asked.reduce((sum, rows) => sum + rows, 0)).toBe(2 * (length - 1));
    expect(4 * tokens * Math.max(...asked)).toBeLessThanOrEqual(64 * 2 ** 20);
  });
});
