import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { MetricDefinition } from '../../core/metric.js';
import type { ModelShape } from '../../core/model/shape.js';
import type { Evaluator } from '../../core/ports/evaluator.js';
import { Finish, type RefinePlan, type SearchRequest } from '../../gen/prunecast/v1/pruning.js';
import { DEFAULT_REFINEMENT, type RefinementOptions } from '../../search/refinement/propose-refinement.js';
import { requireAttainable } from '../../search/sampling/require-attainable.js';
import { chooseMaxRate } from '../../search/study/choose-max-rate.js';
import { DEFAULT_CANDIDATES, DEFAULT_FINALISTS, DEFAULT_PAIRS, type PairPlan, type StudyPlan } from '../../search/study/study-plan.js';
import { decodeBudgets } from '../encoding/budget.js';
import { decodeSpace, decodeSpaceOptions } from '../encoding/space.js';
import { requireInteger, requireNumber } from '../rpc/checks.js';

/**
 * The study that a request asks for.
 *
 * @throws PrunecastError INVALID_REQUEST, SPACE_INVALID, BUDGET_INFEASIBLE with the nearest that can be met
 */
export function decodeStudyPlan(shape: ModelShape, request: SearchRequest, evaluator: Evaluator): StudyPlan {
  const budgets = decodeBudgets(shape, request.budgets);
  const maxRate = chooseMaxRate(shape, budgets, decodeSpaceOptions(request.space));
  const space = decodeSpace(shape, request.space, { maxRate });
  requireAttainable(space, budgets);
  return {
    space,
    budgets,
    objective: findObjective(request, evaluator),
    seed: requireInteger(request.seed ?? 0n, 'seed'),
    pairs: decodePairs(request),
    refinement: decodeRefinement(request.refine),
    rounds: requireInteger(request.rounds ?? 1, 'rounds', { min: 1, max: 100 }),
    candidates: requireInteger(request.candidates ?? BigInt(DEFAULT_CANDIDATES), 'candidates', { min: 1, max: 10_000_000 }),
    finalists: requireInteger(request.verify?.count ?? DEFAULT_FINALISTS, 'verify.count', { min: 1, max: 10_000 }),
  };
}

/** Refuses what the API has room for and this version does not do. Throws NOT_IMPLEMENTED. */
export function refuseUnavailable(request: SearchRequest): void {
  const refused = [
    request.recipes.length > 1 && 'recipes: this version takes one recipe a study',
    request.objectives.length > 1 && 'objectives: this version takes one objective',
    request.objectives.some(({ floor }) => floor !== undefined) && 'objectives[0].floor: this version has no floors',
    request.pauseBefore.length > 0 && 'pause_before: this version does not pause',
    request.preset !== '' && `preset: "${request.preset}" is not there in this version`,
    request.finish === Finish.STREAM && 'finish: this version mends as the recipe says',
    (request.pairs?.rungs.length ?? 0) > 1 && 'pairs.rungs: this version has one rung',
    (request.verify?.rungs.length ?? 0) > 1 && 'verify.rungs: this version has one rung',
  ].find((reason) => reason !== false);
  if (refused !== undefined) throw new PrunecastError('NOT_IMPLEMENTED', refused);
}

function findObjective({ objectives }: SearchRequest, { id, metrics }: Evaluator): MetricDefinition {
  const name = objectives[0]?.metric ?? metrics[0]?.name ?? '';
  const metric = metrics.find((known) => known.name === name);
  if (metric !== undefined) return metric;
  throw PrunecastError.ofField('objectives[0].metric', `is "${name}"; the evaluator ${id} measures ${metrics.map((known) => known.name).join(', ')}`);
}

function decodePairs({ pairs, refine }: SearchRequest): PairPlan {
  const count = requireInteger(pairs?.count ?? DEFAULT_PAIRS.count, 'pairs.count', { min: 1, max: 1_000_000 });
  const insideCount = refine?.disabled === true
    ? 0
    : requireInteger(pairs?.insideCount ?? Math.floor(count / 4), 'pairs.inside_count', { min: 0, max: count });
  const first = count - insideCount;
  const tied = requireInteger(pairs?.tiedCount ?? Math.min(first, Math.floor(count / 2)), 'pairs.tied_count', { min: 0, max: first });
  return {
    count,
    insideCount,
    tiedShare: first === 0 ? 0 : tied / first,
    tieRun: requireInteger(pairs?.tieRun ?? DEFAULT_PAIRS.tieRun, 'pairs.tie_run', { min: 1, max: 10_000 }),
    band: requireNumber(pairs?.band ?? DEFAULT_PAIRS.band, 'pairs.band', { min: 0, max: 1 }),
  };
}

/** How ranges are moved; undefined where they are to stay. Throws INVALID_REQUEST naming the field. */
export function decodeRefinement(refine: RefinePlan | undefined): RefinementOptions | undefined {
  if (refine?.disabled === true) return undefined;
  const share = { min: 0, max: 1 };
  const importantShare = requireNumber(refine?.importantShare ?? DEFAULT_REFINEMENT.importantShare, 'refine.important_share', share);
  const minRate = requireNumber(refine?.flatMinRate ?? DEFAULT_REFINEMENT.wideRange.minRate, 'refine.flat_min_rate', share);
  return {
    ...DEFAULT_REFINEMENT,
    importantShare,
    unimportantShare: requireNumber(refine?.unimportantShare ?? DEFAULT_REFINEMENT.unimportantShare, 'refine.unimportant_share', { min: 0, max: 1 - importantShare }),
    wideRange: { minRate, maxRate: requireNumber(refine?.flatMaxRate ?? DEFAULT_REFINEMENT.wideRange.maxRate, 'refine.flat_max_rate', { min: minRate, max: 1 }) },
  };
}
