import { scoreFrom } from '../../../src/core/sequence.js';
import { describe, expect, it } from 'vitest';
import type { Speeds } from '../../../src/engine/pace.js';
import fluctuation from '../../../src/plugins/criteria/fluctuation.js';
import taylor from '../../../src/plugins/criteria/taylor.js';
import leastSquares from '../../../src/plugins/compensations/least-squares.js';
import none from '../../../src/plugins/compensations/none.js';
import hf from '../../../src/plugins/exporters/hf.js';
import type { Criterion } from '../../../src/core/ports/criterion.js';
import type { Compensation } from '../../../src/core/ports/compensation.js';
import type { StudyPlan } from '../../../src/search/study/plan.js';
import { timePhase, timePhases } from '../../../src/server/estimates/estimate-seconds.js';
import type { ResolvedRecipe } from '../../../src/server/requests/recipe.js';
import { findLargest, findTypical, planPhases } from '../../../src/server/studies/plan-phases.js';
import type { Study } from '../../../src/server/studies/study.js';
import { createPlan } from '../../search/fake-study.js';
import { STORIES_SHAPE } from '../../support/shapes.js';

/** A machine that does 10 billion operations a second in products and a billion in factorisations. */
const SPEEDS: Speeds = { products: 1e10, factors: 1e9 };

/** 100 sequences of 128 tokens. */
const SEQUENCES = Array.from({ length: 100 }, () => new Int32Array(128));

function recipe(criterion: object, compensation: object, options: unknown = {}): ResolvedRecipe {
  return {
    criterion: { plugin: criterion as Criterion, options: {} },
    compensation: { plugin: compensation as Compensation, options },
    calibration: { sequences: SEQUENCES },
    description: { calibration: 'one text' },
  } as unknown as ResolvedRecipe;
}

const oneShot = recipe(fluctuation, leastSquares, { damping: 0.01, fit: 'one-shot' });
const stream = recipe(fluctuation, leastSquares, { damping: 0.01, fit: 'stream' });

const part = (tokens: number) => ({
  fidelity: { tokens },
  sequences: Array.from({ length: tokens / 128 }, (_, first) => scoreFrom(new Int32Array(128).fill(first))),
});

function createStudy(changes: Partial<StudyPlan>, recipes: Partial<Study['recipes']> = {}) {
  return {
    model: { language: { shape: STORIES_SHAPE } },
    plan: createPlan(changes),
    recipes: { compared: [{ oneShot, stream }], paper: undefined, ...recipes },
    windows: { search: part(1024), verify: [part(4096)], report: part(8192) },
    evaluator: { plugin: {}, options: {} },
    further: [],
    output: undefined,
  } as unknown as Parameters<typeof planPhases>[0];
}

/** Two passes over three of four of the sequences. */
const recovery = (mostMinutes: number) =>
  ({
    training: { passes: 2, mostMinutes, sequencesPerStep: 8, loss: { layerErrors: 0 } },
    trained: SEQUENCES.slice(0, 75),
  }) as unknown as NonNullable<Study['recovery']>;

/** Seconds by phase. */
function time(study: Parameters<typeof planPhases>[0]): Record<string, number> {
  return Object.fromEntries(planPhases(study).map((phase) => [phase.name, timePhase(phase, SPEEDS)]));
}

function names(study: Parameters<typeof planPhases>[0]): string[] {
  return planPhases(study).map(({ name }) => name);
}

/** Operations per token of the unpruned demo model: layers with attention over 128 tokens, and the head. */
const DENSE = 5 * (2 * (2 * 64 * 64 + 2 * 64 * 32) + 2 * 64 * 128 + 2 * 3 * 64 * 172) + 2 * 64 * 512;

describe('the phases of a study', () => {
  it('take the tokens of their trials through a model pruned to the budget', () => {
    const { verify = NaN, report = NaN } = time(createStudy({ finalists: 6, rounds: 1 }));
    // 20 % fewer parameters, which are all in the layers: between seven tenths of the dense model and all of it.
    const dense = (6 * 4096 * DENSE) / SPEEDS.products;
    expect(verify / dense).toBeGreaterThan(0.7);
    expect(verify / dense).toBeLessThan(1);
    expect(report / verify).toBeCloseTo((4 * 8192) / (6 * 4096), 2);
  });

  it('rank and factorise once for each recipe, over one text in one pass', () => {
    const one = time(createStudy({})).score ?? NaN;
    const two = time(
      createStudy(
        { recipes: 2 },
        {
          compared: [
            { oneShot, stream },
            { oneShot, stream },
          ] as Study['recipes']['compared'],
        },
      ),
    ).score;
    const factors = (5 * (2 / 3) * (64 ** 3 + 172 ** 3)) / SPEEDS.factors;
    const products = (5 * 2 * 64 * (64 ** 2 + 172 ** 2)) / SPEEDS.products;
    expect((two ?? NaN) - one).toBeCloseTo(factors + products, 6);
  });

  it('measure the calibration errors of a recipe without compensation by a fit of their own', () => {
    const compared = [{ oneShot: recipe(fluctuation, none), stream: undefined }] as const;
    const own = time(createStudy({})).score ?? NaN;
    const other = time(createStudy({}, { compared })).score ?? NaN;
    // A second pass, to the end of the layers; the Gram matrices and their factors are the same as in the other recipe.
    expect(other - own).toBeCloseTo((12_800 * (DENSE - 2 * 64 * 512)) / SPEEDS.products, 6);
  });

  it('take as long for candidates as there are dimensions', () => {
    const study = createStudy({ rounds: 2, candidates: 1000 });
    const narrow = { ...study.plan.space, dimensions: study.plan.space.dimensions.slice(0, 2) };
    const wide = time(study).search ?? NaN;
    const { search = NaN } = time({ ...study, plan: { ...study.plan, space: narrow } });
    expect(wide / search).toBeCloseTo(study.plan.space.dimensions.length / 2, 6);
  });

  it('take a pass over the calibration text for each architecture that is compensated on its own stream', () => {
    const plain = time(createStudy({ compensation: { mode: 'one-shot', candidates: 2 } }));
    const better = time(createStudy({ compensation: { mode: 'better', candidates: 2 } }));
    const pass = (12_800 * (DENSE - 2 * 64 * 512)) / SPEEDS.products;
    // Two finalists: two trials more, one dense pass, and two passes of each.
    expect((better.verify ?? NaN) - (plain.verify ?? NaN)).toBeGreaterThan(3 * pass);
    expect((better.controls ?? NaN) - (plain.controls ?? NaN)).toBeGreaterThan(3 * pass);
    expect(better.sample).toBe(plain.sample);
  });

  it('measure gradients for controls in the paper’s recipe', () => {
    const without = time(createStudy({})).controls ?? NaN;
    const study = createStudy({ paperControls: ['uniform-paper'] }, { paper: recipe(taylor, none) });
    const trial = (4096 * DENSE) / SPEEDS.products;
    const added = (time(study).controls ?? NaN) - without - (3 * 12_800 * DENSE) / SPEEDS.products;
    expect(added).toBeGreaterThan(0.7 * trial);
    expect(added).toBeLessThan(trial);
  });

  it('train the winner before it is written, as long as that takes or is allowed to', () => {
    const study = createStudy({});
    expect(names(study)).not.toContain('recover');
    const phases = names({ ...study, recovery: recovery(20) });
    expect(phases.indexOf('recover')).toBe(phases.indexOf('verify') + 1);
    const { recover = NaN } = time({ ...study, recovery: recovery(20) });
    // 75 of 100 sequences, twice: the dense model once, and the pruned one, which is smaller, three times or four.
    const pass = (2 * 75 * 128 * DENSE) / SPEEDS.products;
    expect(recover / pass).toBeGreaterThan(1 + 3 * 0.7);
    expect(recover / pass).toBeLessThan(1 + 4);
    expect(time({ ...study, recovery: recovery(0.01) }).recover).toBeCloseTo(0.6, 9);
  });

  it('compensate the winner on its own stream before it is written, if that may be better', () => {
    const better = createStudy({ compensation: { mode: 'better', candidates: 2 } });
    const oneShotOnly = createStudy({ compensation: { mode: 'one-shot', candidates: 2 } });
    const output = {
      exports: [{ folder: '', exporter: hf, options: hf.options.parse({}) }],
    } as unknown as Study['output'];
    const written = { ...better, output };
    expect(names(written).slice(-4)).toEqual(['compensate', 'export', 'controls', 'report']);
    expect(names({ ...oneShotOnly, output })).not.toContain('compensate');
    expect(names(better)).not.toContain('compensate');
    // One dense pass over the calibration text, and two of the pruned model, with the equations of the fit.
    expect(time(written).compensate).toBeGreaterThan((2 * 12_800 * (DENSE - 2 * 64 * 512)) / SPEEDS.products);
  });

  it('cost nothing for trials that are known: of the first ones a part of the first phases, of all the fits remain', () => {
    const study = createStudy({});
    const all = planPhases(study);
    const count = (phases: typeof all) => phases.reduce((sum, { trials }) => sum + trials, 0);
    const first = all.find(({ trials }) => trials > 0);
    const half = Math.floor((first?.trials ?? 0) / 2);
    const begun = planPhases(study, half);
    const inFirst = begun.find(({ name }) => name === first?.name);
    expect(half).toBeGreaterThan(0);
    expect(inFirst).toMatchObject({ trials: (first?.trials ?? 0) - half, known: half });
    expect(inFirst?.tokens).toBe(Math.round((1 - half / (first?.trials ?? 0)) * (first?.tokens ?? 0)));
    expect(count(begun)).toBe(count(all) - half);
    const ended = planPhases(study, Infinity);
    expect(count(ended)).toBe(0);
    expect(ended.reduce((sum, { known = 0 }) => sum + known, 0)).toBe(count(all));
    const timeOf = (phases: typeof all, name: string) =>
      phases.filter((phase) => phase.name === name).map((phase) => timePhase(phase, SPEEDS));
    for (const name of ['score', 'fit', 'search']) expect(timeOf(ended, name)).toEqual(timeOf(all, name));
    expect(timeOf(ended, 'report')).toEqual([0]);
  });

  it('add up to the time of the plan, which is unknown if the speed of the model is', async () => {
    const phases = planPhases(createStudy({}));
    const known = await timePhases({ findSpeeds: () => Promise.resolve(SPEEDS) }, phases);
    expect(known.estimatedSeconds).toBeCloseTo(
      phases.reduce((sum, phase) => sum + timePhase(phase, SPEEDS), 0),
      9,
    );
    expect(known.trials).toBe(phases.reduce((sum, { trials }) => sum + BigInt(trials), 0n));
    const unknown = await timePhases({ findSpeeds: () => Promise.resolve('busy' as const) }, phases);
    expect(unknown.estimatedSeconds).toBeUndefined();
    expect(unknown.tokens).toBe(known.tokens);
    expect(known.timeUnknown).toBe('');
    expect(unknown.timeUnknown).toContain('busy');
  });

  it('take half the time on a machine twice as fast, but for fits and candidates', () => {
    const phase = { work: { products: 2e10, factors: 1e9 }, seconds: 4 };
    expect(timePhase(phase, SPEEDS)).toBe(7);
    expect(timePhase(phase, { products: 2e10, factors: 2e9 })).toBe(5.5);
  });
});

describe('findLargest', () => {
  const cache = { cost: { kind: 'kv_cache_bytes_per_token', bytesPerValue: 2 }, limit: 5 * 2 * 32 } as const;

  it('is the unpruned model if no budget limits its weights', () => {
    expect(findLargest(createPlan({ budgets: [cache] }))).toEqual(STORIES_SHAPE.layers);
  });

  it('is as large as a budget of parameters allows, whatever others say', () => {
    const { space, budgets } = createPlan({});
    expect(findLargest({ space, budgets: [...budgets, cache] })).toEqual(findTypical({ space, budgets }));
  });
});
