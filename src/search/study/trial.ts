import type { Counts } from '../../core/space/search-space.js';
import { rankScores } from '../objectives/rank-scores.js';
import { scoreMeasured, type PointScore } from '../objectives/score-point.js';
import { objectivesOf, type ControlName, type StudyPlan } from './plan.js';

/** Why a point is evaluated. The winner is measured before its recovery, and as `recovered` after it. */
export type TrialRole = 'pair' | 'finalist' | 'control' | 'dense' | 'winner' | 'recovered';

/** Which windows it is evaluated on. */
export type TextPart = 'search' | 'verify' | 'report';

/** The recipe that ranks its units and compensates its weights: one of those compared, by its place, or the paper's. */
export type RecipeChoice = number | 'paper';

/** How its weights are compensated: as the recipe says, or by a fit on the pruned model's own stream. */
export type CompensationMode = 'one-shot' | 'stream';

/** A point to be evaluated. */
export interface TrialPoint {
  readonly counts: Counts;
  readonly role: TrialRole;
  readonly part: TextPart;
  readonly recipe: RecipeChoice;
  readonly compensation: CompensationMode;
  /** Which of the fidelities of its part, from 0. */
  readonly rung: number;
  /** Of role `control`. */
  readonly control?: ControlName;
  /** What the predictor said, in the metric's own unit; of role `finalist`. */
  readonly predicted?: number;
  /** Which factor of the curve, from 0; of a study that has a curve. */
  readonly curvePoint?: number;
}

/** A point with its measured value. */
export interface TrialResult extends TrialPoint {
  /** The plan's metric, in its own unit. */
  readonly value: number;
  /** All that was measured, in their own units; undefined if only `value` was. */
  readonly metrics?: Readonly<Record<string, number>>;
  /** Tokens run for it; 0 if its label was known already. */
  readonly tokensSpent: number;
  /** What the metric is the mean of, window by window, on the report windows: what the bootstrap draws from. */
  readonly losses?: { readonly losses: readonly number[]; readonly tokens: readonly number[] };
}

/** A point whose label is a pair. */
export function toPair(counts: Counts, recipe: RecipeChoice): TrialPoint {
  return { counts, role: 'pair', part: 'search', recipe, compensation: 'one-shot', rung: 0 };
}

/** A control's name in reports: `uniform-best`, or `paper-recipe/uniform-best` in the paper's recipe. */
export function nameControl({ control, recipe }: Pick<TrialPoint, 'control' | 'recipe'>): string {
  return recipe === 'paper' ? `paper-recipe/${control ?? ''}` : (control ?? '');
}

/** What decides between results. */
export type Judgement = Pick<StudyPlan, 'space' | 'metric' | 'objectives'>;

/** What the objectives make of a result; lower is better. */
export function scoreTrial(
  plan: Judgement,
  { counts, value, metrics }: Pick<TrialResult, 'counts' | 'value' | 'metrics'>,
): PointScore {
  return scoreMeasured(objectivesOf(plan), plan.space, { counts, metrics: metrics ?? { [plan.metric.name]: value } });
}

/** Results in the order of `rankScores`, the best first; those whose value is not finite come last. */
export function sortByValue<Result extends Pick<TrialResult, 'counts' | 'value' | 'metrics'>>(
  plan: Judgement,
  results: readonly Result[],
): Result[] {
  return rankScores(results.map((result) => scoreTrial(plan, result))).flatMap((index) => results[index] ?? []);
}

/**
 * The best result, of several objectives the knee of their front. Its value is not finite only if none is. Throws
 * RangeError if there is no result.
 */
export function findBest(plan: Judgement, results: readonly TrialResult[]): TrialResult {
  const [best] = sortByValue(plan, results);
  if (best === undefined) throw new RangeError('there is no result to choose from');
  return best;
}
