import { createCostModel } from '../../core/budget/cost-model.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Clock } from '../../core/ports/clock.js';
import { SearchRequest, type Plan } from '../../gen/prunecast/v1/pruning.js';
import { listUniformBest } from '../../search/controls/uniform.js';
import { costRange } from '../../search/sampling/cost-range.js';
import { countPairs } from '../../search/study/next-action.js';
import { hardestOf } from '../architectures/make-uneven.js';
import { budgetKindOf } from '../encoding/budget.js';
import type { PluginsByKind } from '../../plugins/plugin-entry.js';
import type { EvaluateServices } from '../evaluation/prepare-evaluate.js';
import type { Prepared, RestartedJob } from '../jobs/runnable-kind.js';
import type { FittedPredictors } from '../predictors/fitted-predictors.js';
import { findLoaders, planOutput } from '../pruning/prepare-prune.js';
import { createId } from '../store/create-id.js';
import type { OutputFolders } from '../store/output-folder.js';
import type { StudyStore } from '../store/study-store.js';
import { runStudy } from './run-study.js';
import type { Study } from './study.js';
import { openQuestion, openSubject } from './study-question.js';

export interface SearchServices extends EvaluateServices {
  readonly predictors: FittedPredictors;
  readonly outputs: OutputFolders;
  readonly studies: StudyStore;
  readonly clock: Clock;
}

/** Checks a Search request down to its space, windows and output; `run` then runs the study. */
export async function prepareSearch(services: SearchServices, request: SearchRequest, restarted?: RestartedJob): Promise<Prepared> {
  const question = await openQuestion(services, request);
  const { model, plan, evaluator } = question;
  const predictor = services.plugins.resolve('predictor', request.predictor, 'xgboost', 'predictor');
  const strategy = services.plugins.resolve('strategy', request.strategy, 'random', 'strategy');
  requirePairs(predictor.plugin, countPairs(plan, 0));
  const output = request.output === '' ? undefined : await planOutput(services, request, restarted);
  const { windows, recipe } = await openSubject(services, request, question);
  const loadsIn = output === undefined ? [] : findLoaders(model.language.shape, hardestOf(plan.space, 0), output, recipe);
  const study: Study = {
    id: restarted?.studyId ?? createId('study'),
    model,
    plan,
    recipe,
    windows,
    evaluator,
    predictor,
    strategy,
    output,
    request: SearchRequest.encode(request).finish(),
  };
  if (request.validateOnly) return { kind: 'plan', plan: { ...describePlan(study), loadsIn: [...loadsIn] } };
  return { kind: 'work', studyId: study.id, run: (context) => runStudy(services, study, context) };
}

/** The first sample is split 7:3: the part that is fitted must be enough. */
function requirePairs({ id, pairs }: Pick<PluginsByKind['predictor'], 'id' | 'pairs'>, count: number): void {
  const fitted = Math.floor(0.7 * count);
  if (fitted >= pairs.least) return;
  const needed = Math.ceil(pairs.least / 0.7);
  throw new PrunecastError('PAIRS_TOO_FEW', `${id} is fitted on 7 of 10 pairs of the first sample and needs ${pairs.least} there; the plan samples ${count} first: ask for at least ${needed} pairs beside those inside the refined space`, {
    metadata: { pairs: String(count), least: String(needed) },
    violations: [{ field: 'pairs.count', description: `leaves ${count} pairs for the first sample; at least ${needed} are needed` }],
  });
}

function describePlan({ model, plan, recipe, windows }: Study): Plan {
  const { shape } = model.language;
  const inside = plan.refinement === undefined ? 0 : plan.pairs.insideCount;
  const pairs = countPairs(plan, 0) + inside;
  const verified = plan.finalists * plan.rounds + 1 + listUniformBest(plan.space, plan.budgets).length;
  const reported = 4;
  const calibration = recipe.calibration?.sequences.reduce((sum, sequence) => sum + sequence.length, 0) ?? 0;
  const { search, verify, report } = windows;
  return {
    trials: BigInt(pairs + verified + reported),
    tokens: BigInt(calibration + pairs * search.fidelity.tokens + verified * verify.fidelity.tokens + reported * report.fidelity.tokens),
    peakMemoryBytes: BigInt(model.language.estimatePeakBytes([...search.windows, ...verify.windows, ...report.windows])),
    seconds: -1,
    feasible: plan.budgets.map(({ cost }) => ({ kind: budgetKindOf(cost), ...costRange(plan.space, createCostModel(shape, cost)) })),
    loadsIn: [],
    architectures: [],
    costs: [],
  };
}
