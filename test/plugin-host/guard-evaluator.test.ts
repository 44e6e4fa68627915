import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/core/canonical-json.js';
import type { Evaluation } from '../../src/core/metric.js';
import type { EvaluationPlan } from '../../src/core/ports/evaluator.js';
import { scoreFrom } from '../../src/core/sequence.js';
import { guardEvaluator } from '../../src/plugin-host/guards/guard-evaluator.js';
import { defineEvaluator } from '../../src/plugins/define.js';
import { z } from 'zod';
import { unattended } from '../support/demo-model.js';
import { STORIES_SHAPE } from '../support/shapes.js';

const options = z.strictObject({});

function guard(metrics: EvaluationPlan['metrics'], evaluation: Evaluation) {
  const evaluator = guardEvaluator(
    defineEvaluator({
      id: 'shares',
      summary: 'Shares by kind.',
      options,
      reads: 'nothing',
      metrics: ['first', 'second'].map((name) => ({
        name,
        better: 'higher',
        scale: 'linear',
        mean: { of: `${name}_hits`, per: name },
        summary: name,
      })),
      plan: () => ({
        sequences: [scoreFrom(Int32Array.of(1, 2))],
        ...(metrics === undefined ? {} : { metrics }),
        measurement: {
          textDigest: '',
          tokenizerDigest: '',
          window: 0,
          stride: 0,
          bos: false,
          bosToken: undefined,
          scorer: canonicalJson({ id: 'shares', options: {} }),
          promptFormat: '',
        },
        fidelity: { tokens: 2, items: [0], precision: 'float32' },
      }),
      reduce: () => evaluation,
    }),
    { limitMs: 1000 },
  );
  if (evaluator.reads !== 'nothing') throw new TypeError('the guard changed what the evaluator reads');
  return evaluator;
}

const both: Evaluation = {
  metrics: { first: 1, second: 0.5 },
  items: {
    first: Float64Array.of(1),
    first_hits: Float64Array.of(1),
    second: Float64Array.of(2),
    second_hits: Float64Array.of(1),
  },
};
const firstOnly: Evaluation = {
  metrics: { first: 1 },
  items: { first: Float64Array.of(1), first_hits: Float64Array.of(1) },
};

async function measure(metrics: EvaluationPlan['metrics'], evaluation: Evaluation): Promise<Evaluation> {
  const evaluator = guard(metrics, evaluation);
  const shape = STORIES_SHAPE;
  const plan = evaluator.plan({ shape, maxPositions: 512, machine: 'a processor' }, {});
  const observed = { shape, architecture: shape.layers, losses: Float64Array.of(1), hits: Int32Array.of(1) };
  return evaluator.reduce(observed, plan, {}, unattended);
}

describe('guardEvaluator', () => {
  it('wants all declared metrics of a plan that names none', async () => {
    await expect(measure(undefined, both)).resolves.toEqual(both);
    await expect(measure(undefined, firstOnly)).rejects.toThrow(/gave no number for the metric second/);
  });

  it('wants of a plan that names its metrics these and the columns of their means', async () => {
    await expect(measure(['first'], firstOnly)).resolves.toEqual(firstOnly);
    await expect(measure(['first'], { ...firstOnly, metrics: {} })).rejects.toThrow(/no number for the metric first/);
    await expect(measure(['first'], { ...firstOnly, items: {} })).rejects.toThrow(/gave no first_hits of its items/);
    await expect(measure(['first'], { metrics: { first: 1 } } as unknown as Evaluation)).rejects.toThrow(
      /reduce\(\) gave undefined as items: it is an object of columns, \{\} if there are none$/, // as JavaScript may
    );
  });

  it('refuses a metric that the evaluator does not declare', async () => {
    const odd = { ...both, metrics: { ...both.metrics, third: 1 } };
    await expect(measure(undefined, odd)).rejects.toThrow(/gave the metric third, which it does not declare$/);
    await expect(measure(['first'], both)).resolves.toEqual(both);
  });

  it('refuses a plan that names a metric which the evaluator does not declare', () => {
    expect(() =>
      guard(['first', 'third'], both).plan({ shape: STORIES_SHAPE, maxPositions: 512, machine: 'a processor' }, {}),
    ).toThrow(
      expect.objectContaining({ reason: 'PLUGIN_INVALID', message: expect.stringMatching(/names the metric third/) }),
    );
  });
});
