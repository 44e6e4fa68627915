import type { Evaluator } from '../../core/ports/evaluator.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Budget } from '../../core/budget/budget.js';
import type { ModelShape } from '../../core/model/shape.js';
import { createSearchSpace, type SearchSpaceOptions } from '../../core/space/create-search-space.js';
import { narrowSpace, type DimensionRange } from '../../core/space/narrow-space.js';
import type { SearchSpace } from '../../core/space/search-space.js';

import { Preset, type SearchRequest } from '../../gen/prunecast/v1/pruning.js';
import { CompensationFit } from '../../gen/prunecast/v1/study_types.js';
import { listCosts, type Objectives } from '../../search/objectives/objectives.js';
import { requireAttainable } from '../../search/sampling/cost-range.js';
import { chooseMaxRate } from '../../search/controls/uniform.js';
import {
  CONTROL_NAMES,
  PAPER_CURVE,
  STUDY_PHASES,
  type CompensationPlan,
  type CurvePlan,
  type PairPlan,
  type StudyPhase,
  type StudyPlan,
  type UniformControl,
} from '../../search/study/plan.js';
import { CONTROL_CODES, PHASE_CODES, type ControlRow } from './codes.js';
import { decodeBudgets } from './decode-budgets.js';
import { decodeObjectives } from './decode-objectives.js';
import { decodeRefinement } from './decode-refinement.js';
import { DEFAULT_INSIDE_SHARE, DEFAULT_PAIRS, DEFAULT_SEED } from './defaults.js';
import { requireInteger } from './fields.js';
import { findEffort } from './find-effort.js';
import type { BudgetedModel } from './services.js';

/**
 * The study that a request asks for.
 *
 * @param counted the model's sizes as budgets count them
 * @param options those of its space
 * @throws PrunecastError INVALID_REQUEST, SPACE_INVALID, BUDGET_INFEASIBLE with the nearest limit that can be met
 */
export async function decodeStudyPlan(
  model: BudgetedModel,
  counted: ModelShape,
  options: SearchSpaceOptions,
  request: SearchRequest,
  measured: Pick<Evaluator, 'id' | 'metrics'>,
): Promise<StudyPlan> {
  const budgets = await decodeBudgets(model, request.budgets);
  const space = createStudySpace(counted, budgets, { options, ranges: request.space?.ranges ?? [] });
  requireAttainable(space, budgets);
  const decoded = decodeObjectives(
    request.objectives,
    measured,
    budgets.map(({ cost }) => cost),
  );
  const curve = request.preset === Preset.PAPER ? PAPER_CURVE : undefined;
  refuseCurve(curve, decoded.objectives);
  const effort = findEffort(request);
  // Of a front or a curve every finalist is a point.
  const isOneBest = decoded.objectives.objectives.length === 1 && curve === undefined;
  const rounds = request.rounds ?? effort.rounds;
  const finalists = request.verify?.count ?? Math.ceil(effort.finalists / rounds);
  const pauseBefore = decodePauses(request);
  const choosesCost = listCosts(decoded.objectives).length > 0;
  return {
    space,
    budgets,
    ...decoded,
    seed: Number(request.seed ?? DEFAULT_SEED),
    recipes: Math.max(1, request.recipes.length),
    pairs: decodePairs(request, choosesCost),
    // Narrower ranges would cut off the small end, so with a cost as an objective they are refined only on request.
    refinement:
      choosesCost && request.refine === undefined && pauseBefore.length === 0
        ? undefined
        : decodeRefinement(request.refine),
    rounds,
    candidates: Number(request.candidates ?? effort.candidates),
    finalists,
    verifyRungs: request.verify?.rungs.length || (isOneBest ? effort.verifyTokens.length : 1),
    compensation: {
      mode: FIT_MODES[request.compensationFit] ?? effort.compensation,
      candidates: decoded.objectives.objectives.length > 1 ? finalists * rounds : effort.streamCandidates,
    },
    ...decodeControls(request, choosesCost),
    pauseBefore,
    curve,
  };
}

const FIT_MODES: Readonly<Partial<Record<CompensationFit, CompensationPlan['mode']>>> = {
  [CompensationFit.ONE_SHOT]: 'one-shot',
  [CompensationFit.STREAM]: 'stream',
};

/** Throws INVALID_REQUEST for an unknown phase, and for a refinement that is disabled. */
function decodePauses({ pauseBefore, refine }: SearchRequest): StudyPhase[] {
  return pauseBefore.map((code, index) => {
    const phase = STUDY_PHASES.find((known) => PHASE_CODES[known] === code);
    if (phase === undefined) throw PrunecastError.ofField(`pause_before[${index}]`, `is ${code}, which is not a phase`);
    if (phase === 'refine' && refine?.disabled === true)
      throw PrunecastError.ofField(
        `pause_before[${index}]`,
        'is REFINE, and refine is disabled: leave one of them out',
      );
    return phase;
  });
}

/**
 * The space of a study. If its options name no highest rate, the budgets choose it. Throws SPACE_INVALID.
 *
 * @param shape sizes as budgets count them
 */
export function createStudySpace(
  shape: ModelShape,
  budgets: readonly Budget[],
  { options, ranges }: { readonly options: SearchSpaceOptions; readonly ranges: readonly DimensionRange[] },
): SearchSpace {
  const space = createSearchSpace(shape, { maxRate: chooseMaxRate(shape, budgets, options), ...options }, 'space');
  return ranges.length === 0 ? space : narrowSpace(space, ranges, 'space.ranges');
}

/** The paper's curve is one metric over the size. Throws INVALID_REQUEST. */
export function refuseCurve(curve: CurvePlan | undefined, { objectives, limits }: Objectives): void {
  if (curve === undefined || (objectives.length === 1 && objectives[0]?.terms.length === 1 && limits.length === 0))
    return;
  throw PrunecastError.ofField(
    'objectives',
    'has several; the preset PAPER takes one metric: leave the preset or the others out',
  );
}

/**
 * The controls that a request names; by default those of its effort. With a cost as an objective, controls must have the winner's cost.
 * Only uniform ones can: the others are allocated beforehand. Throws INVALID_REQUEST.
 */
function decodeControls(request: SearchRequest, choosesCost: boolean): Pick<StudyPlan, 'controls' | 'paperControls'> {
  const { controls } = request;
  const own = choosesCost ? PAPER_CONTROLS : CONTROL_NAMES;
  const known: readonly ControlRow[] = [...own, ...PAPER_CONTROLS.map((name) => `${PAPER_PREFIX}${name}` as const)];
  controls.forEach((code, index) => {
    if (!known.some((name) => CONTROL_CODES[name] === code))
      throw PrunecastError.ofField(
        `controls[${index}]`,
        `is ${code}; allowed ${choosesCost ? 'with a cost as an objective ' : ''}are ${known.map((name) => `${name} (${CONTROL_CODES[name]})`).join(', ')}`,
      );
  });
  const usual: readonly ControlRow[] = findEffort(request).controls;
  const wants = (name: ControlRow): boolean =>
    controls.length === 0 ? usual.includes(name) : controls.includes(CONTROL_CODES[name]);
  return {
    controls: own.filter(wants),
    paperControls: PAPER_CONTROLS.filter((name) => wants(`${PAPER_PREFIX}${name}`)),
  };
}

const PAPER_CONTROLS = ['uniform-paper', 'uniform-best'] as const satisfies readonly UniformControl[];
const PAPER_PREFIX = 'paper-recipe/';

function decodePairs(request: SearchRequest, choosesCost: boolean): PairPlan {
  const { pairs, refine, preset } = request;
  if ((pairs?.rungs.length ?? 0) > 1)
    throw PrunecastError.ofField(
      'pairs.rungs',
      'has several; a predictor is fitted on pairs of one fidelity: list several in verify.rungs',
    );
  const count = pairs?.count ?? findEffort(request).pairs;
  const insideCount =
    refine?.disabled === true
      ? 0
      : requireInteger(pairs?.insideCount ?? Math.floor(count * DEFAULT_INSIDE_SHARE), 'pairs.inside_count', {
          min: 0,
          max: count,
        });
  const first = count - insideCount;
  // A sampling scheme gets what the ones before it leave of the first sample.
  let left = first;
  const take = (asked: number | undefined, share: number, name: string): number => {
    const taken = requireInteger(asked ?? Math.min(left, Math.round(first * share)), `pairs.${name}`, {
      min: 0,
      max: left,
    });
    left -= taken;
    return first === 0 ? 0 : taken / first;
  };
  return {
    count,
    insideCount,
    tiedShare: take(pairs?.tiedCount, DEFAULT_PAIRS.tiedShare, 'tied_count'),
    sparseShare: take(pairs?.sparseCount, DEFAULT_PAIRS.sparseShare, 'sparse_count'),
    nearShare: take(pairs?.nearCount, choosesCost ? 0 : DEFAULT_PAIRS.nearShare, 'near_count'),
    levelPoints: preset !== Preset.PAPER,
    tieRun: pairs?.tieRun ?? DEFAULT_PAIRS.tieRun,
    band: pairs?.band ?? DEFAULT_PAIRS.band,
  };
}
