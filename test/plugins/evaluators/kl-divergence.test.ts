import { describe, expect, it } from 'vitest';
import type { ModelShape } from '../../../src/core/model/shape.js';
import klDivergence from '../../../src/plugins/evaluators/kl-divergence.js';
import perplexity from '../../../src/plugins/evaluators/perplexity.js';
import { unattended } from '../../support/demo-model.js';

const text = { tokens: new Int32Array(7), digest: 'text', bosToken: 1 };
const protocol = { window: 4, stride: 3, bos: false };
const plan = klDivergence.plan(text, protocol, {});

describe('kl-divergence', () => {
  it('asks for the divergences of the windows that perplexity measures, under a name of its own', () => {
    const { measurement, metrics: _, ...windows } = perplexity.plan(text, protocol, {});
    expect(plan).toEqual({
      ...windows,
      measurement: { ...measurement, scorer: '{"id":"kl-divergence","options":{}}' },
      observe: { divergences: true },
    });
  });

  it('takes both metrics per scored token, not as the mean of the windows', () => {
    const observed = {
      shape: {} as ModelShape,
      architecture: [],
      losses: Float64Array.of(6, 2),
      hits: Int32Array.of(0, 3),
      divergences: Float64Array.of(1.5, 0.75),
      agreements: Int32Array.of(1, 3),
    };
    expect(klDivergence.reduce(observed, plan, {}, unattended)).toEqual({
      metrics: { kl_divergence: 0.375, agreement: 4 / 6 },
      items: {
        divergences: Float64Array.of(1.5, 0.75),
        agreements: Float64Array.of(1, 3),
        tokens: Float64Array.of(3, 3),
      },
    });
  });
});
