import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Budget } from '../../src/core/budget/budget.js';
import { measureCounts } from '../../src/core/budget/cost-model.js';
import { createCostModel } from '../../src/core/budget/cost-spec.js';
import { createSearchSpace } from '../../src/core/space/create-search-space.js';
import { countsKey, denseCounts, type Counts } from '../../src/core/space/search-space.js';
import { StudyReport } from '../../src/gen/prunecast/v1/study_types.js';
import { chooseMaxRate, listUniformBest } from '../../src/search/controls/uniform.js';
import { apply, next, replay, startStudy } from '../../src/search/machine.js';
import { writeReport } from '../../src/search/phases/report/write-report.js';
import { findWinner } from '../../src/search/phases/verify.js';
import { findCentre } from '../../src/search/study/pairs.js';
import { PAPER_CURVE, STUDY_PHASES, type StudyPhase } from '../../src/search/study/plan.js';
import { readStudyEvent, type StudyEvent } from '../../src/search/study/steps.js';
import type { TrialPoint, TrialResult } from '../../src/search/study/trial.js';
import { encodeLift } from '../../src/server/studies/encode-report.js';
import { DEFAULT_PAIRS } from '../../src/server/requests/defaults.js';
import { SMOLLM2_SHAPE, STORIES_SHAPE } from '../support/shapes.js';
import { createPlan, measurePerplexity, RECOVERY, runStudy, type FakeRun } from './fake-study.js';

const plan = createPlan();
const limit = plan.budgets[0]?.limit ?? 0;
const size = (counts: Counts): number =>
  measureCounts(createCostModel(plan.space.shape, { kind: 'parameters' }), plan.space, counts);

describe('a study', () => {
  let run: FakeRun;
  beforeAll(async () => {
    run = await runStudy(plan);
  });

  it('labels as many distinct pairs as asked for: level ones first, others tied by four, sparse, and near the best level one, a part inside the refined space', () => {
    const { pairs } = run.state;
    expect(pairs.length).toBe(60);
    expect(new Set(pairs.map(({ counts }) => countsKey(counts))).size).toBe(60);
    const tied = pairs
      .slice(0, 45)
      .filter(({ counts }) =>
        [2, 4, 6].every((index) => counts[index] === counts[0] && counts[index + 1] === counts[1]),
      );
    expect(tied.length).toBeGreaterThanOrEqual(8);
    expect(
      pairs.slice(0, 4).every(({ counts }) => new Set(counts.filter((_, index) => index % 2 === 1)).size === 1),
    ).toBe(true);
    // Some keep every key-value head of some layers, and more than free draws do.
    expect(
      pairs
        .slice(0, 45)
        .filter(({ counts }) => counts.filter((count, index) => index % 2 === 0 && count === 4).length >= 3).length,
    ).toBeGreaterThanOrEqual(4);
    const [best] = pairs.slice(0, 4).toSorted((a, b) => a.value - b.value);
    const distance = (counts: Counts): number =>
      counts.reduce(
        (sum, count, index) => sum + Math.abs(count - (best?.counts[index] ?? 0)) / (index % 2 === 0 ? 4 : 172),
        0,
      );
    expect(pairs.slice(4, 45).filter(({ counts }) => distance(counts) < 1).length).toBeGreaterThanOrEqual(8);
    const inside = pairs
      .slice(45)
      .filter(({ counts }) =>
        run.state.space.dimensions.every((dimension, index) => dimension.counts.includes(counts[index] ?? -1)),
      );
    expect(inside.length).toBe(15);
  });

  it('keeps every pair within a tenth of what is to be removed, and begins with the uniform architecture', () => {
    const removed = size(denseCounts(plan.space)) - limit;
    for (const { counts } of run.state.pairs.slice(4))
      expect(Math.abs(size(counts) - limit)).toBeLessThanOrEqual(0.1 * removed + 1);
    expect(new Set(run.state.pairs[0]?.counts.filter((_, index) => index % 2 === 1)).size).toBe(1);
  });

  it('verifies distinct finalists that spend all but half a percent of the budget, and none more than it', () => {
    const finalists = run.state.finalists.map(({ counts }) => counts);
    expect(new Set(finalists.map(countsKey)).size).toBe(6);
    for (const counts of finalists) {
      expect(size(counts)).toBeLessThanOrEqual(limit);
      expect(size(counts)).toBeGreaterThanOrEqual(0.995 * limit);
    }
    expect(run.state.predicted).toBe(400);
  });

  it('keeps what lies around the best pair in the ranges that it moves, unless no pairs are drawn near it', async () => {
    const ranges = ({ events, state }: FakeRun): { rate: number; after: { minRate: number; maxRate: number } }[] => {
      const drawn = events.findIndex(({ kind }) => kind === 'refined');
      const { counts } = findCentre(plan, replay(plan, startStudy(plan), events.slice(0, drawn))) ?? { counts: [] };
      return (state.refinements[0] ?? []).flatMap(({ before, after, reason }, index) =>
        reason === 'unimportant' || (reason === 'important' && before.maxRate !== after.maxRate)
          ? [{ rate: 1 - (counts[index] ?? 0) / (plan.space.dimensions[index]?.size ?? 1), after }]
          : [],
      );
    };
    const isHeld = ({ rate, after }: ReturnType<typeof ranges>[number]): boolean =>
      after.minRate <= Math.max(0, rate - 0.149) && after.maxRate >= Math.min(0.5, rate + 0.149);
    const held = ranges(run);
    expect(held.length).toBeGreaterThan(2);
    expect(held.every(isHeld)).toBe(true);
    // The best pair has all heads of some layers; the paper's wide range begins at a rate of 0.2.
    const paper = { ...plan, pairs: { ...plan.pairs, nearShare: 0 } };
    expect(ranges(await runStudy(paper)).every(isHeld)).toBe(false);
  });

  it('verifies no near copies', () => {
    const rates = run.state.finalists.map(({ counts }) =>
      counts.map((count, index) => 1 - count / (plan.space.dimensions[index]?.size ?? 1)),
    );
    rates.forEach((one, index) => {
      for (const other of rates.slice(0, index))
        expect(
          one.reduce((sum, rate, at) => sum + Math.abs(rate - (other[at] ?? NaN)), 0) / one.length,
        ).toBeGreaterThanOrEqual(0.02 - 1e-9);
    });
  });

  it('chooses the winner on the verify windows, and reads the report windows once', () => {
    const outcome = writeReport(plan, run.state);
    const best = Math.min(...run.state.finalists.map(({ value }) => value));
    expect(run.state.finalists.find(({ value }) => value === best)?.counts).toEqual(outcome.winner.counts);
    expect(run.state.reported.map(({ role, control }) => control ?? role)).toEqual([
      'dense',
      'winner',
      'uniform-paper',
      'uniform-best',
    ]);
    expect(outcome.dense.value).toBeCloseTo(Math.exp(1.54), 9);
    // Four key-value counts fit, each with its most channels; the best of them on the verify windows is the control.
    const candidates = run.state.controls.filter(({ control }) => control === 'uniform-best');
    expect(candidates.length).toBe(4);
    const chosen = candidates.reduce((a, b) => (b.value < a.value ? b : a));
    expect(outcome.controls.find(({ control }) => control === 'uniform-best')?.counts).toEqual(chosen.counts);
  });

  it('measures the winner before and after its recovery, and compares controls with it as it was before', async () => {
    const trained = createPlan({ recovers: true });
    const { state, events } = await runStudy(trained, [], {
      measure: (own, point) => measurePerplexity(own, point) * (point.role === 'recovered' ? 0.75 : 1),
    });
    expect(state.reported.map(({ role, control }) => control ?? role)).toEqual([
      'dense',
      'winner',
      'recovered',
      'uniform-paper',
      'uniform-best',
    ]);
    const { winner, recovered, lifts, summary } = writeReport(trained, state);
    const before = writeReport(plan, run.state);
    expect([winner.counts, winner.value, lifts]).toEqual([before.winner.counts, before.winner.value, before.lifts]);
    expect(recovered?.trial.counts).toEqual(winner.counts);
    expect(recovered?.lift).toMatchObject({ control: 'winner', interval: expect.anything() });
    expect(recovered?.lift.lift).toBeCloseTo(0.25, 12);
    expect(summary).toContain('25.0 % better than before');
    expect(before.summary).not.toContain('recovery');
    expect(events.find(({ kind }) => kind === 'exported')).toMatchObject({ recovery: RECOVERY });
    expect(state).toMatchObject({ recovery: RECOVERY, tokens: { export: RECOVERY.tokens } });
  });

  it('finds the layers that matter less, and says by how much that is better', () => {
    const { lifts, bestControl, summary, winner, controls } = writeReport(plan, run.state);
    const against = controls.find(({ control }) => control === bestControl);
    const lift = lifts.find(({ control }) => control === bestControl);
    expect(lift?.lift).toBeCloseTo(1 - winner.value / (against?.value ?? 0), 12);
    expect(lift?.lift).toBeGreaterThan(0.05);
    expect(lift?.interval?.[0]).toBeLessThanOrEqual((lift?.lift ?? 0) + 1e-9);
    expect(summary).toMatch(/better than uniform-best .*95 % interval/);
  });

  it('states no interval if windows give none or there is only one, instead of one without width', () => {
    const oneWindow = { losses: [127], tokens: [127] };
    const tell = (
      { counts, role, part, recipe, compensation, rung, control, value, tokensSpent }: TrialResult,
      losses: typeof oneWindow | undefined,
    ): TrialResult => ({
      counts,
      role,
      part,
      recipe,
      compensation,
      rung,
      value,
      tokensSpent,
      ...(control === undefined ? {} : { control }),
      ...(losses === undefined ? {} : { losses }),
    });
    for (const losses of [undefined, oneWindow]) {
      const { lifts, summary } = writeReport(plan, {
        ...run.state,
        reported: run.state.reported.map((trial) => tell(trial, losses)),
      });
      expect(lifts.map(({ interval }) => interval)).toEqual(lifts.map(() => undefined));
      expect(summary).toMatch(/better than uniform-best .*no interval/);
      expect(summary).not.toContain('95 %');
      const [sent] = StudyReport.decode(
        StudyReport.encode(
          StudyReport.fromPartial({ lifts: lifts.map((lift) => encodeLift('perplexity', lift)) }),
        ).finish(),
      ).lifts;
      expect(sent?.lift).toBe(lifts[0]?.lift);
      expect([sent?.low, sent?.high]).toEqual([undefined, undefined]);
    }
  });

  it('never lets a finalist over the budget win, however good it is', () => {
    const [finalist] = run.state.finalists;
    const over = {
      ...(finalist as TrialResult),
      counts: denseCounts(plan.space),
      value: 1,
      metrics: { perplexity: 1 },
    };
    const winner = findWinner(plan, { ...run.state, finalists: [over, ...run.state.finalists] });
    expect(winner).toEqual(findWinner(plan, run.state));
    expect(size(winner.counts)).toBeLessThanOrEqual(limit);
  });

  it('reports the quality of its predictor on three of ten pairs', () => {
    expect(run.state.fit?.quality).toMatchObject({ split: 'holdout 7:3', fitted: 42, heldOut: 18 });
    expect(run.state.fit?.quality?.kendallTau).toBeGreaterThan(0.7);
  });

  it('counts tokens by phase', () => {
    expect(run.state.tokens).toEqual({
      score: 40_960,
      recipe: 4000,
      sample: 56_000,
      verify: 6000,
      controls: 5000,
      report: 4000,
    });
  });

  it('says plainly when the search was not worth it', async () => {
    // Every architecture but the uniform ones is bad: nothing that the predictor learns finds them.
    const even = (_plan: typeof plan, { counts }: TrialPoint): number =>
      new Set(counts.filter((_, index) => index % 2 === 1)).size === 1 ? 5 : 9 + 0.001 * (counts[0] ?? 0);
    const lost = await runStudy(plan, [], { measure: even });
    expect(writeReport(plan, lost.state).summary).toMatch(/was not worth it/);
  });

  it('survives architectures without a finite perplexity', async () => {
    const broken = (own: typeof plan, point: TrialPoint): number =>
      (point.counts[0] ?? 0) === 2 ? Number.POSITIVE_INFINITY : measurePerplexity(own, point);
    const { state } = await runStudy(plan, [], { measure: broken });
    expect(state.pairs.some(({ value }) => !Number.isFinite(value))).toBe(true);
    expect(Number.isFinite(writeReport(plan, state).winner.value)).toBe(true);
  });
});

describe('replay', () => {
  it('reaches the same state from stored events, and comes to the same end from any of them', async () => {
    const whole = await runStudy(plan);
    expect(replay(plan, startStudy(plan), JSON.parse(JSON.stringify(whole.events)))).toEqual(whole.state);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: whole.events.length }), async (kept) => {
        const resumed = await runStudy(plan, whole.events.slice(0, kept));
        expect(resumed.events).toEqual(whole.events);
        expect(resumed.state).toEqual(whole.state);
      }),
      { numRuns: 25 },
    );
  });

  it('reads events of earlier versions, which called the compensation of a trial its mending', async () => {
    const { events, state } = await runStudy(plan);
    const earlier: readonly unknown[] = events.map((event) => {
      if (event.kind !== 'evaluated') return event;
      const { compensation: mending, ...trial } = event.trial;
      return { ...event, trial: { ...trial, mending } };
    });
    expect(earlier).not.toEqual(events);
    expect(replay(plan, startStudy(plan), earlier.map(readStudyEvent))).toEqual(state);
  });

  it('comes to the same state in whatever order the results of a batch arrive', () => {
    const plan = createPlan({ pairs: { ...DEFAULT_PAIRS, levelPoints: false } });
    const points = [
      [4, 172],
      [3, 150],
      [2, 120],
    ].map(([kvHeads = 4, channels = 172]) =>
      plan.space.dimensions.map(({ kind }) => (kind === 'kv_heads' ? kvHeads : channels)),
    );
    const drawn = [{ kind: 'scored' }, { kind: 'drawn', points }] as const;
    const results = points.map(
      (counts, index) =>
        ({
          kind: 'evaluated',
          trial: {
            counts,
            role: 'pair',
            part: 'search',
            recipe: 0,
            compensation: 'one-shot',
            rung: 0,
            value: 5 + index,
            tokensSpent: 1,
          },
        }) as const,
    );
    const reach = (order: readonly number[]) =>
      replay(plan, startStudy(plan), [...drawn, ...order.flatMap((index) => results[index] ?? [])]);
    expect(reach([2, 0, 1])).toEqual(reach([0, 1, 2]));
    expect(reach([2, 0, 1]).pairs.map(({ value }) => value)).toEqual([5, 6, 7]);
  });

  it('takes results in any order, and asks again only for those that are missing', () => {
    const plan = createPlan({ pairs: { ...DEFAULT_PAIRS, levelPoints: false } });
    let state = apply(plan, startStudy(plan), { kind: 'scored' });
    const points = [
      [4, 160, 4, 100, 3, 120, 3, 130, 3, 120],
      [3, 133, 3, 133, 3, 133, 3, 133, 3, 133],
    ];
    state = apply(plan, state, { kind: 'drawn', points });
    const [first, second] = state.waiting;
    if (first === undefined || second === undefined) throw new Error('two points wait');
    state = apply(plan, state, { kind: 'evaluated', trial: { ...second, value: 6, tokensSpent: 0 } });
    expect(next(plan, state)).toEqual({ kind: 'evaluate', points: [first] });
    expect(() => apply(plan, state, { kind: 'evaluated', trial: { ...second, value: 6, tokensSpent: 0 } })).toThrow(
      RangeError,
    );
  });

  it('refuses an event that the phase does not expect', async () => {
    const EXPECTED: Readonly<Record<StudyPhase, readonly StudyEvent['kind'][]>> = {
      score: ['scored'],
      recipe: ['evaluated'],
      sample: ['drawn', 'evaluated'],
      fit: ['fitted'],
      refine: ['refined'],
      search: ['predicted'],
      verify: ['evaluated'],
      export: ['exported'],
      controls: ['drawn', 'evaluated'],
      report: ['evaluated', 'finished'],
      finished: [],
    };
    const whole = createPlan({ controls: ['uniform-paper', 'random'] });
    const { events } = await runStudy(whole);
    const examples = new Map<string, StudyEvent>(
      [...events, { kind: 'resumed' } as const].map((event) => [event.kind, event]),
    );
    expect(examples.size).toBe(9);
    const seen = new Set<StudyPhase>();
    let state = startStudy(whole);
    for (const event of [...events, undefined]) {
      const others = [...examples.values()].filter(({ kind }) => !EXPECTED[state.phase].includes(kind));
      for (const other of others) expect(() => apply(whole, state, other)).toThrow(RangeError);
      seen.add(state.phase);
      if (event !== undefined) state = apply(whole, state, event);
    }
    expect([...seen]).toEqual(STUDY_PHASES);
  });

  it('gives another study for another seed', async () => {
    const [one, other] = [await runStudy(plan), await runStudy(createPlan({ seed: 2 }))];
    expect(other.state.pairs.map(({ counts }) => counts)).not.toEqual(one.state.pairs.map(({ counts }) => counts));
  });
});

describe('rounds', () => {
  it('label the finalists on the search windows between rounds, share out the inside pairs, and verify new finalists', async () => {
    const twice = createPlan({ rounds: 2, finalists: 4 });
    const { state } = await runStudy(twice);
    expect(state.pairs.length).toBe(60 + 4);
    expect(state.finalists.length).toBe(8);
    expect(new Set(state.finalists.map(({ counts }) => countsKey(counts))).size).toBe(8);
    expect(state.refinements.length).toBe(2);
    for (const finalist of state.finalists.slice(0, 4)) {
      expect(
        state.pairs.some(({ counts, part }) => part === 'search' && countsKey(counts) === countsKey(finalist.counts)),
      ).toBe(true);
    }
  });

  it('go without refinement when it is switched off', async () => {
    const { state } = await runStudy(createPlan({ refinement: undefined }));
    expect(state.space).toEqual(plan.space);
    expect([state.pairs.length, state.refinements.length]).toEqual([60, 0]);
  });
});

describe('recipes', () => {
  it('are compared on level points, whose labels in the better one are pairs', async () => {
    const { state } = await runStudy(createPlan({ recipes: 2 }), [], {
      measure: scaled((point) => (point.recipe === 1 ? 0.9 : 1)),
    });
    expect(state.recipe).toBe(1);
    expect(state.pairs.filter(({ recipe }) => recipe === 0).length).toBe(4);
    expect(state.pairs.filter(({ recipe }) => recipe === 1).length).toBe(60);
    expect(state.finalists.every(({ recipe }) => recipe === 1)).toBe(true);
    expect(state.tokens.recipe).toBe(8000);
  });

  it("measure the uniform controls in the paper's too, and name them after it", async () => {
    const { state } = await runStudy(createPlan({ paperControls: ['uniform-paper', 'uniform-best'] }), [], {
      measure: (own, point) => measurePerplexity(own, point) * (point.recipe === 'paper' ? 1.5 : 1),
    });
    const { lifts } = writeReport(plan, state);
    expect(lifts.map(({ control }) => control)).toEqual([
      'uniform-paper',
      'uniform-best',
      'paper-recipe/uniform-paper',
      'paper-recipe/uniform-best',
    ]);
    expect(lifts[2]?.lift).toBeCloseTo(1 - (1 - (lifts[0]?.lift ?? 0)) / 1.5, 12);
  });
});

describe('verification', () => {
  it('halves the finalists from rung to rung, and chooses among those of the last', async () => {
    // On few tokens the order is upside down among the better half: only the last rung decides.
    const { state } = await runStudy(createPlan({ verifyRungs: 3, finalists: 7 }));
    expect([0, 1, 2].map((rung) => state.finalists.filter((trial) => trial.rung === rung).length)).toEqual([7, 4, 2]);
    const last = state.finalists.filter(({ rung }) => rung === 2);
    const winner = state.reported.find(({ role }) => role === 'winner');
    expect(last.map(({ counts }) => countsKey(counts))).toContain(countsKey(winner?.counts ?? []));
  });

  it('compensates the best on their own stream, and everything that way if it is better', async () => {
    const better = scaled(({ compensation }) => (compensation === 'stream' ? 0.9 : 1));
    const streamed = await runStudy(createPlan({ compensation: { mode: 'better', candidates: 3 } }), [], {
      measure: better,
    });
    expect(streamed.state.finalists.filter(({ compensation }) => compensation === 'stream').length).toBe(3);
    expect(streamed.state.compensation).toBe('stream');
    expect(
      streamed.state.reported
        .filter(({ role }) => role !== 'dense')
        .every(({ compensation }) => compensation === 'stream'),
    ).toBe(true);
    const worse = scaled(({ compensation }) => (compensation === 'stream' ? 1.1 : 1));
    const kept = await runStudy(createPlan({ compensation: { mode: 'better', candidates: 3 } }), [], {
      measure: worse,
    });
    expect(kept.state.compensation).toBe('one-shot');
    expect(kept.state.reported.every(({ compensation }) => compensation === 'one-shot')).toBe(true);
    expect(
      (await runStudy(createPlan({ compensation: { mode: 'stream', candidates: 3 } }), [], { measure: worse })).state
        .compensation,
    ).toBe('stream');
  });
});

describe('controls', () => {
  it('include what scores and errors allocate, and the best of as many random candidates as the study evaluated', async () => {
    const counts = plan.space.dimensions.map(({ kind }) => (kind === 'kv_heads' ? 4 : 116));
    const all = createPlan({
      controls: ['uniform-paper', 'uniform-best', 'global-threshold', 'calibration-error', 'random'],
      verifyRungs: 2,
    });
    const { state } = await runStudy(all, [], {
      allocations: [
        [
          { control: 'global-threshold', counts },
          { control: 'calibration-error', counts },
        ],
      ],
    });
    expect(state.reported.map(({ role, control }) => control ?? role)).toEqual([
      'dense',
      'winner',
      'uniform-paper',
      'uniform-best',
      'global-threshold',
      'calibration-error',
      'random',
    ]);
    const drawn = state.controls.filter(({ control, part }) => control === 'random' && part === 'search');
    const evaluated = new Set([...state.pairs, ...state.finalists].map((trial) => countsKey(trial.counts)));
    expect(drawn.length).toBe(evaluated.size);
    expect(drawn.every((trial) => size(trial.counts) <= limit)).toBe(true);
    // As finalists are: the best six on the first rung, three on the second, the best of which is the control.
    const verified = [0, 1].map((rung) =>
      state.controls.filter(
        ({ control, part, rung: own }) => control === 'random' && part === 'verify' && own === rung,
      ),
    );
    expect(verified.map(({ length }) => length)).toEqual([6, 3]);
    const best = verified[1]?.toSorted((a, b) => a.value - b.value)[0];
    expect(state.reported.at(-1)?.counts).toEqual(best?.counts);
  });
});

describe('the shapes of uniform-best', () => {
  it('are chosen from as finalists are: the better half of each fidelity on the next, and the best alone on its own stream', async () => {
    const { state } = await runStudy(
      createPlan({ verifyRungs: 2, compensation: { mode: 'stream', candidates: 2 }, controls: ['uniform-best'] }),
    );
    const measured = (rung: number, compensation: 'one-shot' | 'stream') =>
      state.controls.filter((trial) => trial.rung === rung && trial.compensation === compensation);
    const shapes = listUniformBest(plan.space, plan.budgets).length;
    expect(shapes).toBeGreaterThan(2);
    expect(measured(0, 'one-shot')).toHaveLength(shapes);
    const better = measured(1, 'one-shot');
    expect(better).toHaveLength(Math.ceil(shapes / 2));
    const [best] = better.toSorted((a, b) => a.value - b.value);
    expect(measured(1, 'stream').map(({ counts }) => counts)).toEqual([best?.counts]);
    expect(state.reported.at(-1)).toMatchObject({
      control: 'uniform-best',
      counts: best?.counts,
      compensation: 'stream',
    });
  });
});

describe('the curve of the paper', () => {
  it('verifies three at each of six sizes, and draws lines through them and through uniform-paper', async () => {
    const curve = createPlan({ curve: PAPER_CURVE, refinement: undefined });
    const { state } = await runStudy(curve);
    const dense = size(denseCounts(plan.space));
    const finalists = state.reported.filter(({ role }) => role === 'finalist');
    expect(finalists.map(({ curvePoint }) => curvePoint)).toEqual([
      0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5,
    ]);
    for (const { counts, curvePoint = 0 } of finalists) {
      const allowed = dense - (PAPER_CURVE.factors[curvePoint] ?? 0) * (dense - limit);
      expect(size(counts)).toBeLessThanOrEqual(allowed);
      expect(size(counts)).toBeGreaterThanOrEqual(0.99 * allowed);
    }
    const { winner, curve: lines } = writeReport(curve, state);
    expect(size(winner.counts)).toBeLessThanOrEqual(limit);
    // Smaller models are worse on both lines, and the predictor's choice is better than one rate everywhere.
    expect(lines?.finalists.slope).toBeLessThan(0);
    expect(lines?.uniformPaper.slope).toBeLessThan(0);
    expect(lines?.lift).toBeGreaterThan(0.03);
    const at = Math.log(limit);
    const value = (line = { intercept: 0, slope: 0 }): number => Math.exp(line.intercept + line.slope * at);
    expect(lines?.lift).toBeCloseTo(1 - value(lines?.finalists) / value(lines?.uniformPaper), 12);
  });

  it('measures the better half of each size on the next fidelity, so that a model within the budget is left to win', async () => {
    const { state } = await runStudy(createPlan({ curve: PAPER_CURVE, refinement: undefined, verifyRungs: 2 }));
    const sizesOn = (rung: number) =>
      state.finalists.filter((trial) => trial.rung === rung).map(({ curvePoint }) => curvePoint);
    expect(sizesOn(0)).toEqual([0, 1, 2, 3, 4, 5].flatMap((point) => [point, point, point]));
    expect(sizesOn(1)).toEqual([0, 1, 2, 3, 4, 5].flatMap((point) => [point, point]));
    expect(size(state.reported.find(({ role }) => role === 'winner')?.counts ?? [])).toBeLessThanOrEqual(limit);
  });
});

describe('a study of a small space', () => {
  it('takes what there is: all layers alike, no shape within half a percent of the budget', async () => {
    const uniform = createPlan({
      space: createSearchSpace(STORIES_SHAPE, { target: 'uniform', multipleOf: { ffn_channels: 4 } }),
      candidates: 1000,
    });
    const { state } = await runStudy(uniform);
    expect(state.finalists.length).toBeGreaterThan(0);
    expect(state.predicted).toBeLessThan(20);
    for (const { counts } of state.finalists)
      expect(
        measureCounts(createCostModel(STORIES_SHAPE, { kind: 'parameters' }), uniform.space, counts),
      ).toBeLessThanOrEqual(limit);
  });
});

describe('chooseMaxRate', () => {
  it('allows half of each dimension, or twice the uniform rate where the budget needs more', () => {
    // 1,076,121 a layer have to go: one group (294,912) at rate 1/6, then 453 channels of 1,728, past rate 452.5 /
    // 1536.
    expect(chooseMaxRate(SMOLLM2_SHAPE, keepShare(0.8))).toBeCloseTo((2 * 452.5) / 1536, 12);
    expect(chooseMaxRate(SMOLLM2_SHAPE, keepShare(0.95))).toBe(0.5);
    expect(chooseMaxRate(SMOLLM2_SHAPE, keepShare(0.45))).toBe(0.9);
  });
});

function keepShare(share: number): readonly Budget[] {
  return [{ cost: { kind: 'parameters' }, limit: Math.floor(134_515_008 * share) }];
}

/** A model whose perplexity is a factor of the usual one, by how a point is evaluated. */
function scaled(factorOf: (point: TrialPoint) => number) {
  return (own: typeof plan, point: TrialPoint): number => measurePerplexity(own, point) * factorOf(point);
}
