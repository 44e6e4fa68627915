import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apply, countTrials, listVisits, startStudy } from '../../src/search/machine.js';
import { listAllocated } from '../../src/search/phases/score.js';
import type { TrialCount } from '../../src/search/study/phase.js';
import { CONTROL_NAMES, type StudyPlan } from '../../src/search/study/plan.js';
import type { Allocation, StudyEvent } from '../../src/search/study/steps.js';
import { DEFAULT_PAIRS } from '../../src/server/requests/defaults.js';
import { createPlan, runStudy } from './fake-study.js';

/** Five finalists are too few for one of them to be a measured pair: each is a new architecture. */
const BASE = { rounds: 1, finalists: 5, candidates: 120 } as const;
const PAPER_CONTROLS = ['uniform-paper', 'uniform-best'] as const;

const PLANS: Readonly<Record<string, Partial<StudyPlan>>> = {
  'one round': BASE,
  'three rounds, each with refined pairs': { ...BASE, rounds: 3 },
  'two rounds without refinement': { ...BASE, rounds: 2, refinement: undefined },
  'two recipes': { ...BASE, recipes: 2 },
  'two recipes that are compared by their allocations alone': {
    ...BASE,
    recipes: 2,
    pairs: { ...DEFAULT_PAIRS, count: 40, insideCount: 10, levelPoints: false },
    controls: CONTROL_NAMES,
  },
  'one recipe without level points': {
    ...BASE,
    pairs: { ...DEFAULT_PAIRS, count: 30, insideCount: 0, levelPoints: false },
  },
  'a first sample smaller than the level points': { ...BASE, pairs: { ...DEFAULT_PAIRS, count: 20, insideCount: 17 } },
  'no control': { ...BASE, controls: [] },
  'all controls, in two recipes': { ...BASE, controls: CONTROL_NAMES, paperControls: PAPER_CONTROLS },
  'three fidelities of verification': { ...BASE, rounds: 2, verifyRungs: 3, controls: ['random'] },
  'finalists on their own stream': {
    ...BASE,
    verifyRungs: 2,
    compensation: { mode: 'stream', candidates: 2 },
    controls: CONTROL_NAMES,
  },
  'more finalists for their own stream than there are': { ...BASE, compensation: { mode: 'stream', candidates: 9 } },
  'a curve on two fidelities': {
    ...BASE,
    refinement: undefined,
    verifyRungs: 2,
    curve: { factors: [0.8, 1, 1.2], finalists: 3 },
  },
  'a curve': { ...BASE, refinement: undefined, curve: { factors: [0.8, 1, 1.2], finalists: 2 } },
};

describe("each phase's count", () => {
  it.each(Object.entries(PLANS))('is what the study asks for: %s', async (_, changes) => {
    const plan = createPlan(changes);
    expect(await measureTrials(plan)).toEqual(addUp(plan));
  });

  it('is at least what the study asks for, whatever the plan', async () => {
    const plans = fc.record({
      rounds: fc.integer({ min: 1, max: 3 }),
      finalists: fc.integer({ min: 1, max: 8 }),
      candidates: fc.constant(60),
      verifyRungs: fc.integer({ min: 1, max: 3 }),
      recipes: fc.integer({ min: 1, max: 2 }),
      compensation: fc.record({
        mode: fc.constantFrom('one-shot', 'stream', 'better'),
        candidates: fc.integer({ min: 1, max: 4 }),
      }),
      controls: fc.subarray([...CONTROL_NAMES]),
      paperControls: fc.subarray([...PAPER_CONTROLS]),
      pairs: fc.record({
        ...fromConstants(DEFAULT_PAIRS),
        count: fc.integer({ min: 20, max: 40 }),
        insideCount: fc.integer({ min: 0, max: 10 }),
        levelPoints: fc.boolean(),
      }),
      curve: fc.option(fc.constant({ factors: [0.7, 1], finalists: 3 }), { nil: undefined }),
      seed: fc.integer({ min: 0, max: 1000 }),
    });
    await fc.assert(
      fc.asyncProperty(plans, fc.boolean(), async (changes, refines) => {
        const plan = createPlan({ ...changes, ...(refines ? {} : { refinement: undefined }) });
        const [measured, counted] = [await measureTrials(plan), addUp(plan)];
        for (const [place, trials] of Object.entries(measured))
          expect({ place, trials, isCounted: trials <= (counted[place] ?? 0) }).toEqual({
            place,
            trials,
            isCounted: true,
          });
      }),
      { numRuns: 30 },
    );
  });

  it('adds up to the trials and tokens of a study', () => {
    const plan = createPlan({ verifyRungs: 2, finalists: 5, controls: [] });
    // 60 pairs of 1 token; 5 finalists of 100 and 3 of 10,000; the dense model and the winner of a million.
    expect(
      countTrials(plan, ({ part, rung }) => ({ search: 1, verify: 100 ** (rung + 1), report: 1e6 })[part]),
    ).toEqual({
      trials: 60 + 5 + 3 + 2,
      tokens: 60 + 500 + 30_000 + 2_000_000,
    });
  });
});

type Tally = Readonly<Record<string, number>>;

/** The trials of a driven study, by phase, part and rung. */
async function measureTrials(plan: StudyPlan): Promise<Tally> {
  const { events } = await runStudy(plan, [], { allocations: allocate(plan) });
  const counts: [string, TrialCount][] = [];
  let state = startStudy(plan);
  for (const event of events) {
    if (isEvaluated(event)) counts.push([state.phase, { ...event.trial, trials: 1 }]);
    state = apply(plan, state, event);
  }
  return tally(counts);
}

function addUp(plan: StudyPlan): Tally {
  return tally(listVisits(plan).flatMap(({ phase, trials }) => trials.map((count) => [phase, count] as const)));
}

function tally(counts: readonly (readonly [string, TrialCount])[]): Tally {
  const sums: Record<string, number> = {};
  for (const [phase, { part, rung, trials }] of counts) {
    const place = `${phase}: ${part} ${rung}`;
    if (trials > 0) sums[place] = (sums[place] ?? 0) + trials;
  }
  return sums;
}

/** What each recipe's scores and errors would allocate: architectures unlike the level ones. */
function allocate(plan: StudyPlan): Allocation[][] {
  return Array.from({ length: plan.recipes }, (_, recipe) =>
    listAllocated(plan).map((control, index) => ({
      control,
      counts: plan.space.dimensions.map(({ kind, layers: [layer = 0] }) =>
        kind === 'kv_heads' ? 3 : 100 + 5 * recipe + 2 * index + (layer % 2),
      ),
    })),
  );
}

function isEvaluated(event: StudyEvent): event is Extract<StudyEvent, { kind: 'evaluated' }> {
  return event.kind === 'evaluated';
}

function fromConstants<Value extends object>(value: Value) {
  return Object.fromEntries(Object.entries(value).map(([key, constant]) => [key, fc.constant(constant)])) as {
    readonly [Key in keyof Value]: fc.Arbitrary<Value[Key]>;
  };
}
