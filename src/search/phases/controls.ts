import type { Budget } from '../../core/budget/budget.js';
import { measureCounts } from '../../core/budget/cost-model.js';
import { createCostModel } from '../../core/budget/cost-spec.js';
import type { Rng } from '../../core/random.js';
import { countsKey, type Counts } from '../../core/space/search-space.js';
import { findUniformPaper, listUniformBest } from '../controls/uniform.js';
import { listCosts } from '../objectives/objectives.js';
import { drawDistinct } from '../sampling/draw-points.js';
import { openCandidates } from '../sampling/open-candidates.js';
import { countPairs, countPairsInside, type PairsState } from '../study/pairs.js';
import { ask, record, unexpected, type Progress, type TrialCount } from '../study/phase.js';
import { objectivesOf, type ControlName, type StudyPlan } from '../study/plan.js';
import { ALLOCATED_CONTROLS, type StudyAction, type StudyEvent } from '../study/steps.js';
import { sortByValue, type RecipeChoice, type TrialPoint, type TrialResult } from '../study/trial.js';
import { countRecipePoints } from './recipe.js';
import type { ScoreState } from './score.js';
import {
  continueVerification,
  countFinalists,
  countHalved,
  countStreamed,
  findWinner,
  type VerifyState,
} from './verify.js';

/*
 * Phase `controls`: what the winner is compared with is measured on the verify windows. The named controls come first;
 * the shapes of `uniform-best` are chosen from as finalists are, so that only the best of them is compensated on its own
 * stream. Then `random`: as many candidates as the study evaluated are drawn (`drawCandidates`) and labelled as pairs are, and
 * the best of them are verified as finalists are.
 */

export interface ControlsState {
  /** On the verify windows; those of `random` on the search windows too. */
  readonly controls: readonly TrialResult[];
}

export const start: ControlsState = { controls: [] };

type State = Progress & ScoreState & PairsState & VerifyState & ControlsState;

export function enter<Own extends State>(plan: StudyPlan, state: Own): Own {
  return ask(state, listNamedControls(plan, state), (own) => (plan.controls.includes('random') ? own : leave(own)));
}

export function next(_plan: StudyPlan, { pairs, finalists, recipe }: State): StudyAction {
  const evaluated = [...pairs.filter((trial) => trial.recipe === recipe), ...finalists];
  const count = new Set(evaluated.map(({ counts }) => countsKey(counts))).size;
  return { kind: 'draw-candidates', count, seed: 'controls/random' };
}

export function apply<Own extends State>(plan: StudyPlan, state: Own, event: StudyEvent): Own {
  switch (event.kind) {
    case 'drawn':
      return ask(
        state,
        event.points.map((counts) => toRandom(counts, state.recipe, 'search')),
        leave,
      );
    case 'evaluated':
      return record(state, 'controls', event.trial, (own, batch) => proceed(plan, own, batch));
    default:
      throw unexpected(state, event);
  }
}

export function count(plan: StudyPlan): readonly TrialCount[] {
  const dearest = plan.verifyRungs - 1;
  const { own, shapes, paper } = countNamed(plan);
  const named: TrialCount[] = [
    {
      part: 'verify',
      rung: dearest,
      trials: own,
      compensation: plan.compensation.mode === 'one-shot' ? 'one-shot' : 'stream',
    },
    ...countVerified(plan, shapes, countStreamed(chooseShape(plan), shapes)),
    { part: 'verify', rung: dearest, trials: paper, compensation: 'one-shot' },
  ];
  if (!plan.controls.includes('random')) return named;
  const drawn =
    Math.max(countPairs(plan, 0), countRecipePoints(plan)) +
    countPairsInside(plan) +
    countFinalists(plan) * plan.rounds;
  const verified = Math.min(drawn, countVerifiedRandom(plan));
  const final = countHalved(verified, plan.verifyRungs).at(-1) ?? 0;
  return [
    ...named,
    { part: 'search', rung: 0, trials: drawn, compensation: 'one-shot' },
    ...countVerified(plan, verified, countStreamed(plan, final)),
  ];
}

/** What `continueVerification` asks for. */
function countVerified({ verifyRungs }: StudyPlan, trials: number, streamed: number): TrialCount[] {
  return [
    ...countHalved(trials, verifyRungs).map(
      (halved, rung) => ({ part: 'verify', rung, trials: halved, compensation: 'one-shot' }) as const,
    ),
    { part: 'verify', rung: verifyRungs - 1, trials: streamed, compensation: 'stream' },
  ];
}

/** What follows a batch of results: shapes chosen, drawn candidates, the best of them verified, or the end. */
function proceed<Own extends State>(plan: StudyPlan, state: Own, batch: readonly TrialResult[]): Own {
  const [first] = batch;
  // Compensated as the study has decided by now.
  const decided = { ...plan, compensation: { ...plan.compensation, mode: state.compensation } };
  if (first?.control !== 'random') {
    const more = continueVerification(chooseShape(decided), batch.filter(isShape), state.controls.filter(isShape), {
      last: true,
    });
    return ask(state, more ?? [], (own) => (plan.controls.includes('random') ? own : leave(own)));
  }
  if (first.part === 'search') {
    const best = sortByValue(plan, batch).slice(0, countVerifiedRandom(plan));
    return ask(
      state,
      best.map(({ counts }) => toRandom(counts, state.recipe, 'verify')),
    );
  }
  const verified = state.controls.filter(({ control, part }) => control === 'random' && part === 'verify');
  return ask(state, continueVerification(decided, batch, verified, { last: true }) ?? [], leave);
}

/** Whether it is one of the shapes that `uniform-best` is chosen from. */
function isShape({ control, recipe }: TrialResult): boolean {
  return control === 'uniform-best' && recipe !== 'paper';
}

/** The plan by which the shapes of `uniform-best` are verified: of one objective the best gets its own stream. */
function chooseShape(plan: StudyPlan): StudyPlan {
  const { compensation } = plan;
  return objectivesOf(plan).objectives.length > 1
    ? plan
    : { ...plan, compensation: { ...compensation, candidates: 1 } };
}

function leave<Own extends State>(state: Own): Own {
  return { ...state, phase: 'report' };
}

/** How many of the drawn candidates are verified: as many as there are finalists. */
function countVerifiedRandom({ finalists, rounds }: StudyPlan): number {
  return finalists * rounds;
}

function toRandom(counts: Counts, recipe: number, part: 'search' | 'verify'): TrialPoint {
  return { counts, role: 'control', part, recipe, compensation: 'one-shot', rung: 0, control: 'random' };
}

/** The named controls on the verify windows: shapes to choose from at the cheapest fidelity, others at the dearest. */
function listNamedControls(plan: StudyPlan, state: State): TrialPoint[] {
  const toPoint =
    (recipe: RecipeChoice) =>
    ({ control, counts }: NamedCounts): TrialPoint => ({
      counts,
      role: 'control',
      part: 'verify',
      recipe,
      ...(recipe !== 'paper' && control === 'uniform-best'
        ? { compensation: 'one-shot', rung: 0 }
        : { compensation: recipe === 'paper' ? 'one-shot' : state.compensation, rung: plan.verifyRungs - 1 }),
      control,
    });
  const budgets = limitControls(plan, state);
  const allocated = (state.allocations[state.recipe] ?? []).filter(({ control }) => plan.controls.includes(control));
  return [
    ...listUniform(plan, budgets, plan.controls).map(toPoint(state.recipe)),
    ...allocated.map(toPoint(state.recipe)),
    ...listUniform(plan, budgets, plan.paperControls).map(toPoint('paper')),
  ];
}

/** Those that are measured once in the study's own recipe, the shapes to choose from, and those in the paper's. */
function countNamed(plan: StudyPlan): { readonly own: number; readonly shapes: number; readonly paper: number } {
  const allocated = ALLOCATED_CONTROLS.filter((control) => plan.controls.includes(control));
  const uniform = listUniform(plan, plan.budgets, plan.controls);
  const shapes = uniform.filter(({ control }) => control === 'uniform-best').length;
  return {
    own: allocated.length + uniform.length - shapes,
    shapes,
    paper: listUniform(plan, plan.budgets, plan.paperControls).length,
  };
}

interface NamedCounts {
  readonly control: ControlName;
  readonly counts: Counts;
}

function listUniform({ space }: StudyPlan, budgets: readonly Budget[], names: readonly ControlName[]): NamedCounts[] {
  const paper = names.includes('uniform-paper') ? findUniformPaper(space, budgets) : undefined;
  const best = names.includes('uniform-best') ? listUniformBest(space, budgets) : [];
  return [
    ...(paper === undefined ? [] : [{ control: 'uniform-paper', counts: paper.counts } as const]),
    ...best.map((counts) => ({ control: 'uniform-best', counts }) as const),
  ];
}

/** The study's budgets, or if a cost is to be made better what the winner costs, so that controls compare with it. */
function limitControls(plan: StudyPlan, state: VerifyState): readonly Budget[] {
  const costs = listCosts(objectivesOf(plan));
  if (costs.length === 0) return plan.budgets;
  const { counts } = findWinner(plan, state);
  const limited = [...plan.budgets.map(({ cost }) => cost), ...costs];
  return limited.map((cost) => ({
    cost,
    limit: measureCounts(createCostModel(plan.space.shape, cost), plan.space, counts),
  }));
}

/** Distinct random candidates of the unrefined space; fewer if the budgets leave no more. */
export async function drawCandidates(
  plan: StudyPlan,
  { count, rng }: { readonly count: number; readonly rng: Rng },
  breathe: () => Promise<void>,
): Promise<Counts[]> {
  const { sampler } = await openCandidates(plan, plan.space, breathe);
  return drawDistinct(sampler, count, rng, new Set());
}
