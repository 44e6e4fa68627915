import { meetsBudgets } from '../../core/budget/budget.js';
import { countsKey, distinctPoints } from '../../core/space/search-space.js';
import type { PairsState } from '../study/pairs.js';
import { ask, record, unexpected, type Progress, type TrialCount } from '../study/phase.js';
import type { StudyPlan } from '../study/plan.js';
import type { StudyAction, StudyEvent } from '../study/steps.js';
import {
  findBest,
  sortByValue,
  toPair,
  type CompensationMode,
  type TrialPoint,
  type TrialResult,
} from '../study/trial.js';

/*
 * Phase `verify`: finalists are measured on the verify windows, the better half of each fidelity on the next one.
 * Between two rounds they become pairs too. After the last round the best are also compensated on their own stream, and
 * the better way is that of output and controls.
 */

export interface VerifyState {
  /** On the verify windows: every rung, and both ways of compensation. */
  readonly finalists: readonly TrialResult[];
  /** How finalists, controls and output are compensated; as the recipe says until it is decided. */
  readonly compensation: CompensationMode;
}

export const start: VerifyState = { finalists: [], compensation: 'one-shot' };

type State = Progress & PairsState & VerifyState;

/** Asks for the finalists that the search proposed. */
export function enter<Own extends State & { readonly proposed: readonly TrialPoint[] }>(
  plan: StudyPlan,
  state: Own,
): Own {
  return ask({ ...state, proposed: [] }, state.proposed, (own) => proceed(plan, own, []));
}

export function next(): StudyAction {
  throw new RangeError('phase verify begins with the finalists that it measures, and ends with the last of them');
}

export function apply<Own extends State>(plan: StudyPlan, state: Own, event: StudyEvent): Own {
  if (event.kind !== 'evaluated') throw unexpected(state, event);
  const list = event.trial.role === 'pair' ? 'pairs' : 'finalists';
  return record(state, list, event.trial, (own, batch) => proceed(plan, own, batch));
}

export function count(plan: StudyPlan, round: number): readonly TrialCount[] {
  const { rounds, verifyRungs } = plan;
  const { sizes, each } = countSizes(plan);
  return [
    ...countHalved(each, verifyRungs).map(
      (trials, rung): TrialCount => ({ part: 'verify', rung, trials: sizes * trials, compensation: 'one-shot' }),
    ),
    round === rounds
      ? {
          part: 'verify',
          rung: verifyRungs - 1,
          trials: sizes * countStreamed(plan, countFinal(plan) / sizes),
          compensation: 'stream',
        }
      : { part: 'search', rung: 0, trials: countFinalists(plan), compensation: 'one-shot' },
  ];
}

/** How many finalists a round has. */
export function countFinalists(plan: StudyPlan): number {
  const { sizes, each } = countSizes(plan);
  return sizes * each;
}

/** How many finalists of all rounds reach the dearest rung. */
export function countFinal(plan: StudyPlan): number {
  const { sizes, each } = countSizes(plan);
  return sizes * (countHalved(each, plan.verifyRungs).at(-1) ?? 0) * plan.rounds;
}

/** Of how many sizes a round has finalists, and how many of each. */
function countSizes({ finalists, curve }: StudyPlan): { readonly sizes: number; readonly each: number } {
  return curve === undefined ? { sizes: 1, each: finalists } : { sizes: curve.factors.length, each: curve.finalists };
}

/** What follows a batch of results: finalists on a rung, finalists on their own stream, or finalists as pairs. */
function proceed<Own extends State>(plan: StudyPlan, state: Own, batch: readonly TrialResult[]): Own {
  const { round } = state;
  const last = round === plan.rounds;
  const more = batch[0]?.role === 'pair' ? undefined : continueVerification(plan, batch, state.finalists, { last });
  if (more !== undefined) return ask(state, more);
  if (last) return { ...state, compensation: chooseCompensation(plan, state), phase: 'export' };
  return ask(state, listUnpaired(state), (own) => ({
    ...own,
    round: round + 1,
    phase: plan.refinement === undefined ? 'fit' : 'refine',
  }));
}

/** Finalists without a label on the search windows, where all pairs have theirs. */
function listUnpaired({ finalists, pairs, recipe }: State): TrialPoint[] {
  const known = new Set(pairs.filter((trial) => trial.recipe === recipe).map(({ counts }) => countsKey(counts)));
  const missing = finalists.map(({ counts }) => counts).filter((counts) => !known.has(countsKey(counts)));
  return distinctPoints(missing).map((counts) => toPair(counts, recipe));
}

/** The stream if the plan says so, or if its best finalist is better than the best of the others. */
function chooseCompensation(plan: StudyPlan, { finalists }: VerifyState): CompensationMode {
  const streamed = listFinal(plan, { finalists, compensation: 'stream' });
  if (streamed.length === 0) return 'one-shot';
  if (plan.compensation.mode === 'stream') return 'stream';
  return findBest(plan, [...listFinal(plan, { finalists, compensation: 'one-shot' }), ...streamed]).compensation;
}

/**
 * Successive halving (Jamieson and Talwalkar, AISTATS 2016): after a batch on one rung its better half on the next,
 * dearer one; then the best few compensated on their own stream, if the study does that. Undefined if there is nothing
 * more to do.
 *
 * @param known all results of the role of the batch
 * @param last whether this batch is the last one of its role: only then do the best of `known` get their own stream
 */
export function continueVerification(
  plan: StudyPlan,
  batch: readonly TrialResult[],
  known: readonly TrialResult[],
  { last }: { readonly last: boolean },
): TrialPoint[] | undefined {
  const [first] = batch;
  const dearest = plan.verifyRungs - 1;
  if (first !== undefined && first.compensation === 'one-shot' && first.rung < dearest) {
    return groupBySize(batch)
      .flatMap((group) => sortByValue(plan, group).slice(0, Math.ceil(group.length / 2)))
      .map((trial) => toPoint(trial, { rung: trial.rung + 1 }));
  }
  if (!last || plan.compensation.mode === 'one-shot' || first?.compensation === 'stream') return undefined;
  const final = known.filter(({ rung, compensation }) => rung === dearest && compensation === 'one-shot');
  const best = groupBySize(final).flatMap((group) => sortByValue(plan, group).slice(0, plan.compensation.candidates));
  return best.length === 0 ? undefined : best.map((trial) => toPoint(trial, { compensation: 'stream' }));
}

/** The results of each point of a curve, all together without a curve: a larger model would beat every smaller one. */
function groupBySize(results: readonly TrialResult[]): TrialResult[][] {
  const points = [...new Set(results.map(({ curvePoint }) => curvePoint))];
  return points.map((point) => results.filter(({ curvePoint }) => curvePoint === point));
}

/** How many of a batch of one size `continueVerification` has on each rung. */
export function countHalved(trials: number, rungs: number): number[] {
  return Array.from({ length: rungs }, (_, rung) => Math.ceil(trials / 2 ** rung));
}

/** How many of those on the dearest rung it has compensated on their own stream. */
export function countStreamed({ compensation: { mode, candidates } }: StudyPlan, dearest: number): number {
  return mode === 'one-shot' ? 0 : Math.min(candidates, dearest);
}

/** A measured point, to be measured in another way. */
function toPoint(
  { value: _value, metrics: _metrics, tokensSpent: _tokens, losses: _losses, ...point }: TrialResult,
  changes: Partial<TrialPoint>,
): TrialPoint {
  return { ...point, ...changes };
}

/** Finalists on the dearest rung, compensated as the study decided: those that compare with each other. */
export function listFinal(
  plan: Pick<StudyPlan, 'verifyRungs'>,
  { finalists, compensation }: VerifyState,
): TrialResult[] {
  return finalists.filter((trial) => trial.rung === plan.verifyRungs - 1 && trial.compensation === compensation);
}

/**
 * The best finalist that meets the budgets, which not all of a curve do. Of several objectives the knee of their front.
 */
export function findWinner(plan: StudyPlan, state: VerifyState): TrialResult {
  return findBest(
    plan,
    listFinal(plan, state).filter(({ counts }) => meetsBudgets(plan.space, counts, plan.budgets)),
  );
}
