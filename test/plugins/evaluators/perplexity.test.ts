import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModelShape } from '../../../src/core/model/shape.js';
import type { WindowProtocol } from '../../../src/core/ports/evaluator.js';
import perplexity from '../../../src/plugins/evaluators/perplexity.js';
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
    expect(countOf(65_536 + 1023, 65_536, 1)).toBe(1024);
    expect(() => countOf(65_536 + 1024, 65_536, 1)).toThrow('1025 windows');
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
  });

  it('refuses a text shorter than one window, with both numbers', () => {
    expect(() => plan(3, {})).toThrow(
      expect.objectContaining({ reason: 'TEXT_TOO_SHORT', metadata: { tokens: '3', needed: '4' } }),
    );
    expect(plan(3, { bos: true })).toHaveLength(1);
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
});
