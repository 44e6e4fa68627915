import { assert, jsonValue, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSearchSpace } from '../../../src/core/space/create-search-space.js';
import { listDifferences, requireSamePlan } from '../../../src/server/requests/compare-plans.js';
import { toPlain } from '../../../src/server/requests/plan-document.js';
import { readStudyPlan, writeStudyPlan } from '../../../src/server/requests/plan-search.js';
import { SMOLLM2_SHAPE } from '../../support/shapes.js';
import { createPlan } from '../../search/fake-study.js';

describe('two plans', () => {
  it('that are equal as plain values differ nowhere, whatever the order of their keys', () => {
    assert(
      property(jsonValue(), (value) => {
        expect([...listDifferences(value, JSON.parse(JSON.stringify(value)))]).toEqual([]);
      }),
    );
    expect([...listDifferences({ a: 1, b: 2 }, { b: 2, a: 1 })]).toEqual([]);
  });

  it('differ by the paths of their values', () => {
    const was = { seed: 1, recipes: [{ options: { damping: 0.01 } }], gone: 'x' };
    const is = { seed: 1, recipes: [{ options: { damping: 0.1 } }, 'more'], added: null };
    expect([...listDifferences(was, is)]).toEqual([
      { field: 'recipes[0].options.damping', was: 0.01, is: 0.1 },
      { field: 'recipes[1]', was: undefined, is: 'more' },
      { field: 'gone', was: 'x', is: undefined },
    ]);
  });

  it('that differ are refused with the first difference and the fields of all, and long values cut', () => {
    const long = 'y'.repeat(1000);
    expect(() => requireSamePlan({ jobId: 'job-1', plan: { a: 1, b: 2 } }, { a: long, b: 3 })).toThrow(
      expect.objectContaining({
        reason: 'JOB_NOT_RESUMABLE',
        metadata: { job_id: 'job-1', field: 'a', was: '1', is: `${'y'.repeat(120)}…` },
        violations: [expect.objectContaining({ field: 'a' }), { field: 'b', description: 'was 2, is 3' }],
      }),
    );
  });

  it('are not compared for a job of an earlier version, which stored none', () => {
    expect(() => requireSamePlan({ jobId: 'job-1', plan: undefined }, { a: 1 })).not.toThrow();
    expect(() => requireSamePlan(undefined, { a: 1 })).not.toThrow();
  });
});

describe('the plan of a study', () => {
  it('comes back from its stored form as it was, and takes little room however many counts there are', () => {
    const grid = createSearchSpace(SMOLLM2_SHAPE, { minRate: 0.1, maxRate: 0.5, rateStep: 0.1 });
    const multiples = createSearchSpace(SMOLLM2_SHAPE, { maxRate: 1, multipleOf: { ffn_channels: 32 } });
    const whole = createSearchSpace(SMOLLM2_SHAPE, { maxRate: 1 });
    for (const space of [grid, multiples, whole]) {
      const plan = createPlan({ space });
      const stored = toPlain(writeStudyPlan(plan));
      expect(readStudyPlan(stored)).toEqual(plan);
      expect(JSON.stringify(stored).length).toBeLessThan(50_000);
    }
    expect(whole.dimensions.reduce((sum, { counts }) => sum + counts.length, 0)).toBeGreaterThan(30_000);
  });
});
