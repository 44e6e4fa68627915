import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModelShape } from '../../../src/core/model/shape.js';
import type { EvaluationText, WindowProtocol } from '../../../src/core/ports/evaluator.js';
import perplexity from '../../../src/plugins/evaluators/perplexity.js';
import { fidelityDigest, measurementFingerprint } from '../../../src/server/encoding/measurement.js';
import { unattended } from '../../support/demo-model.js';

const textOf = (length: number) => ({
  tokens: Int32Array.from({ length }, (_, index) => 100 + index),
  digest: 'text',
  tokenizerDigest: 'tokenizer',
  bosToken: 1,
});
const plan = (length: number, protocol: Partial<WindowProtocol>) =>
  perplexity
    .plan(textOf(length), { window: 4, stride: 4, bos: false, ...protocol }, {})
    .sequences.map(({ tokens, spans }) => ({ tokens: [...tokens], scoredFrom: spans[0]?.from }));
const starts = (length: number, protocol: Partial<WindowProtocol>) =>
  perplexity.plan(textOf(length), { window: 4, stride: 4, bos: false, ...protocol }, {}).fidelity.items;
const countOf = (length: number, window: number, stride: number) =>
  perplexity.plan(textOf(length), { window, stride, bos: false }, {}).sequences.length;

describe('perplexity.plan', () => {
  it('cuts consecutive windows, predicts all but the first token of each, and drops a last short one', () => {
    expect(plan(11, {})).toEqual([
      { tokens: [100, 101, 102, 103], scoredFrom: 1 },
      { tokens: [104, 105, 106, 107], scoredFrom: 1 },
    ]);
  });

  it('puts BOS first in each window and loses no token of the text for it', () => {
    expect(plan(7, { bos: true })).toEqual([
      { tokens: [1, 100, 101, 102], scoredFrom: 1 },
      { tokens: [1, 103, 104, 105], scoredFrom: 1 },
    ]);
  });

  it('scores in overlapping windows only what none has scored', () => {
    expect(plan(8, { stride: 2 })).toEqual([
      { tokens: [100, 101, 102, 103], scoredFrom: 1 },
      { tokens: [102, 103, 104, 105], scoredFrom: 2 },
      { tokens: [104, 105, 106, 107], scoredFrom: 2 },
    ]);
    expect(plan(5, { stride: 1, bos: true }).map(({ scoredFrom }) => scoredFrom)).toEqual([1, 3, 3]);
  });

  it('takes whole windows spread evenly under a token limit', () => {
    expect(starts(40, { tokenLimit: 23 })).toEqual([0, 8, 16, 24, 32]);
    expect(starts(40, { tokenLimit: 12 })).toEqual([0, 12, 24]);
  });

  it('shares windows out to parts without overlap', () => {
    expect([
      ...starts(40, { part: { from: 0, to: 0.5 } }),
      ...starts(40, { part: { from: 0.5, to: 0.75 } }),
      ...starts(40, { part: { from: 0.75, to: 1 } }),
    ]).toEqual(starts(40, {}));
  });

  it('scores every token once where windows overlap or begin with BOS, a first one without BOS apart', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        fc.integer({ min: 9, max: 60 }),
        (window, wanted, bos, length) => {
          const stride = Math.min(wanted, bos ? window : window - 1);
          const { sequences } = perplexity.plan(textOf(length), { window, stride, bos }, {});
          const scored = sequences.flatMap(({ tokens, spans }) =>
            spans.flatMap(({ from, to }) => [...tokens.subarray(from, to)]),
          );
          const first = bos ? 100 : 101;
          const last = sequences.at(-1)?.tokens.at(-1) ?? NaN;
          expect(scored).toEqual(Array.from({ length: last - first + 1 }, (_, index) => first + index));
        },
      ),
    );
  });

  it('makes only the windows that are measured, however many the text has', () => {
    const protocol = { window: 128, stride: 1, bos: false };
    const text = textOf(1_000_000);
    const { fidelity, sequences } = perplexity.plan(text, { ...protocol, tokenLimit: 256 }, {});
    expect(fidelity.items).toEqual([0, 499_936]);
    expect(sequences.map(({ spans, tokens }) => [spans, tokens.length])).toEqual([
      [[{ from: 1, to: 128 }], 128],
      [[{ from: 127, to: 128 }], 128],
    ]);
    expect(() => perplexity.plan(text, protocol, {})).toThrow(
      expect.objectContaining({
        reason: 'INVALID_REQUEST',
        message: expect.stringContaining('999873 windows') as string,
      }),
    );
    expect(() => perplexity.plan(text, { ...protocol, bos: true, part: { from: 0, to: 0.5 } }, {})).toThrow(
      expect.objectContaining({ message: expect.stringContaining('499937 windows') as string }),
    );
  });

  it('measures as many windows and tokens as are allowed, and not one more', () => {
    expect(countOf(131_073, 2, 1)).toBe(131_072);
    expect(() => countOf(131_074, 2, 1)).toThrow('131073 windows');
    expect(countOf(65_536 + 255, 65_536, 1)).toBe(256); // 2^24 tokens
    expect(() => countOf(65_536 + 256, 65_536, 1)).toThrow('257 windows');
  });

  it('names what is measured and how well', () => {
    const { measurement, fidelity } = perplexity.plan(
      textOf(40),
      { window: 4, stride: 4, bos: true, tokenLimit: 8 },
      {},
    );
    expect(measurement).toEqual({
      textDigest: 'text',
      tokenizerDigest: 'tokenizer',
      window: 4,
      stride: 4,
      bos: true,
      bosToken: 1,
      scorer: '{"id":"perplexity","options":{}}',
      promptFormat: '',
    });
    expect(fidelity).toEqual({ tokens: 8, items: [0, 18], precision: 'float32' });
    // sha256 of the canonical JSON, as Python's hashlib has it: labels are stored under these.
    expect(measurementFingerprint(measurement)).toBe(
      '32772474607c90fa1ac95608eb8d9c68cd580cffd7930933a98890a65466c69a',
    );
    expect(fidelityDigest(fidelity)).toBe('cc5360ebcf3abc5919847b1b6a961c1893cea0d9fd0f2526e2b5483448b1790f');
  });

  it('measures per byte and word only where the text tells these', () => {
    const protocol = { window: 4, stride: 4, bos: false };
    const cover = { bytes: new Uint16Array(8).fill(2), words: Uint16Array.of(1, 0, 0, 0, 1, 0, 0, 0) };
    const metrics = (text: Partial<EvaluationText>) => perplexity.plan({ ...textOf(8), ...text }, protocol, {}).metrics;
    expect(metrics({})).toEqual(['perplexity', 'accuracy']);
    // The words begin in the first tokens of both windows, which nothing predicts.
    expect(metrics({ cover })).toEqual(['perplexity', 'accuracy', 'bits_per_byte']);
    const spread = { ...cover, words: new Uint16Array(8).fill(1) };
    expect(metrics({ cover: spread })).toEqual(['perplexity', 'accuracy', 'bits_per_byte', 'word_perplexity']);
  });

  it('refuses a text shorter than one window, with both numbers', () => {
    expect(() => plan(3, {})).toThrow(
      expect.objectContaining({ reason: 'TEXT_TOO_SHORT', metadata: { tokens: '3', needed: '4' } }),
    );
    expect(plan(3, { bos: true })).toHaveLength(1);
  });
});

/** The plan of documents of so many tokens. */
const planDocuments = (lengths: readonly number[], protocol: Partial<WindowProtocol>) => {
  const starts = lengths.map((_, place) => lengths.slice(0, place).reduce((sum, length) => sum + length, 0));
  const text = { ...textOf(lengths.reduce((sum, length) => sum + length, 0)), documents: Int32Array.from(starts) };
  return perplexity.plan(text, { window: 4, stride: 4, bos: false, ...protocol }, {});
};

const windowsOf = (...args: Parameters<typeof planDocuments>) =>
  planDocuments(...args).sequences.map(({ tokens, spans }) => [[...tokens], spans[0]?.from]);

describe('perplexity.plan of documents apart', () => {
  it('keeps short windows, crosses no document, and predicts all tokens but the first of each', () => {
    expect(windowsOf([6, 0, 1, 3], {})).toEqual([
      [[100, 101, 102, 103], 1],
      [[103, 104, 105], 1],
      [[107, 108, 109], 1],
    ]);
    expect(planDocuments([6, 0, 1, 3], {}).fidelity).toEqual({ tokens: 10, items: [0, 3, 7], precision: 'float32' });
  });

  it('predicts all tokens after BOS', () => {
    expect(windowsOf([4, 0, 1], { bos: true })).toEqual([
      [[1, 100, 101, 102], 1],
      [[1, 103], 1],
      [[1, 104], 1],
    ]);
  });

  it('predicts each token once with what a shorter stride leaves of those before it', () => {
    expect(windowsOf([7], { stride: 2 })).toEqual([
      [[100, 101, 102, 103], 1],
      [[102, 103, 104, 105], 2],
      [[104, 105, 106], 2],
    ]);
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 3, max: 6 }),
        fc.integer({ min: 1, max: 6 }),
        fc.boolean(),
        (lengths, window, stride, bos) => {
          const documents = lengths.map((length, place) => {
            const first = 100 + lengths.slice(0, place).reduce((sum, before) => sum + before, 0);
            return Array.from({ length }, (_, index) => first + index);
          });
          const wanted = documents.flatMap((document) => (bos ? document : document.slice(1)));
          fc.pre(wanted.length > 0);
          const { sequences } = planDocuments(lengths, { window, stride: Math.min(stride, window), bos });
          const scored = sequences.flatMap(({ tokens, spans }) =>
            spans.flatMap(({ from, to }) => [...tokens.subarray(from, to)]),
          );
          expect(scored).toEqual(wanted);
          for (const { tokens } of sequences) {
            expect(tokens.length).toBeLessThanOrEqual(window);
            const own = bos ? tokens.subarray(1) : tokens;
            expect(documents.some((document) => [...own].every((token) => document.includes(token)))).toBe(true);
          }
        },
      ),
    );
  });

  it('takes as many as fit at once where long and short ones take turns', () => {
    const count = 100_000;
    const documents = Int32Array.from({ length: count }, (_, place) => Math.floor(place / 2) * 22 + (place % 2) * 20);
    const text = { ...textOf(count * 11), documents };
    // Every other document would fit if they were alike, but these are all long.
    const tokenLimit = count * 5.5;
    const { fidelity } = perplexity.plan(text, { window: 20, stride: 20, bos: false, tokenLimit }, {});
    expect(fidelity.tokens).toBeLessThanOrEqual(tokenLimit);
    expect(fidelity.tokens).toBeGreaterThan(0.9 * tokenLimit);
  });

  it('refuses a stride that makes millions of windows, of which a few would be taken', () => {
    const text = { ...textOf(2 ** 22 + 4), documents: Int32Array.of(0) };
    expect(() => perplexity.plan(text, { window: 4, stride: 1, bos: false, tokenLimit: 8 }, {})).toThrow(
      /more than 4194304 windows of 4 tokens every 1/,
    );
  });

  it('shares whole documents out to parts, and stays below a token limit', () => {
    const lengths = [5, 2, 9, 4, 3, 8, 2, 6];
    const starts = (protocol: Partial<WindowProtocol>) => planDocuments(lengths, protocol).fidelity.items;
    const halves = [starts({ part: { from: 0, to: 0.5 } }), starts({ part: { from: 0.5, to: 1 } })];
    expect(halves[0]?.at(-1)).toBeLessThan(20);
    expect(halves[1]?.[0]).toBe(20);
    expect(halves.flat()).toEqual(starts({}));
    const all = planDocuments(lengths, {}).fidelity.tokens;
    for (let tokenLimit = 4; tokenLimit < 60; tokenLimit++) {
      const { fidelity, sequences } = planDocuments(lengths, { tokenLimit });
      expect(fidelity.tokens).toBeLessThanOrEqual(tokenLimit);
      expect(fidelity.tokens).toBe(sequences.reduce((sum, { tokens }) => sum + tokens.length, 0));
      expect(Math.min(tokenLimit, all) - fidelity.tokens).toBeLessThan(12);
    }
  });

  it('refuses a text of which nothing is predicted', () => {
    expect(() => planDocuments([1, 0, 1], {})).toThrow(
      expect.objectContaining({ reason: 'TEXT_TOO_SHORT', metadata: { tokens: '2', documents: '3' } }),
    );
  });
});

describe('perplexity.reduce', () => {
  it('takes both metrics per scored token, not as the mean of the windows', () => {
    const planned = perplexity.plan(textOf(7), { window: 4, stride: 3, bos: false }, {});
    const observed = {
      shape: {} as ModelShape,
      architecture: [],
      losses: Float64Array.of(6, 2),
      hits: Int32Array.of(0, 3),
    };
    expect(perplexity.reduce(observed, planned, {}, unattended)).toEqual({
      metrics: { perplexity: Math.exp(8 / 6), accuracy: 0.5 },
      items: { losses: Float64Array.of(6, 2), hits: Float64Array.of(0, 3), tokens: Float64Array.of(3, 3) },
    });
  });

  const cover = { bytes: Uint16Array.of(3, 1, 2, 4, 0, 5, 6), words: Uint16Array.of(1, 0, 1, 1, 0, 1, 1) };
  const covered = perplexity.plan({ ...textOf(7), cover }, { window: 4, stride: 3, bos: false }, {});
  const observed = {
    shape: {} as ModelShape,
    architecture: [],
    losses: Float64Array.of(6, 2),
    hits: Int32Array.of(0, 3),
  };
  const items = {
    bits: Float64Array.of(6 / Math.LN2, 2 / Math.LN2),
    bytes: Float64Array.of(1 + 2 + 4, 0 + 5 + 6),
    words: Float64Array.of(2, 2),
  };

  it('takes bytes and words of the tokens that are scored', async () => {
    const evaluation = await perplexity.reduce(observed, covered, {}, unattended);
    expect(evaluation.items).toMatchObject(items);
    expect(evaluation.metrics['bits_per_byte']).toBeCloseTo(8 / Math.log(2) / 18, 12);
    expect(evaluation.metrics['word_perplexity']).toBe(Math.exp(8 / 4));
    const hopeless = { ...observed, losses: Float64Array.of(6000, 2000) };
    expect((await perplexity.reduce(hopeless, covered, {}, unattended)).metrics['word_perplexity']).toBe(
      Number.MAX_VALUE,
    );
  });

  it('completes what an earlier version stored to what it would measure today', async () => {
    const { forReduce: _, ...earlier } = covered;
    const stored = await perplexity.reduce(observed, earlier, {}, unattended);
    expect(Object.keys(stored.metrics)).toEqual(['perplexity', 'accuracy']);
    expect(perplexity.complete?.(stored, covered)).toEqual(await perplexity.reduce(observed, covered, {}, unattended));
    expect(perplexity.complete?.({ metrics: {}, items: {} }, covered)).toBeUndefined();
  });
});
