import type { Architecture } from '../../core/model/shape.js';
import { decodeCounts } from '../../core/space/search-space.js';
import {
  addWork,
  countObservation,
  measureObservation,
  multiplyWork,
  NO_WORK,
  type Work,
} from '../../engine/runtime/count-work.js';
import { findUniformPaper } from '../../search/controls/uniform.js';
import { countByPhase, listVisits } from '../../search/machine.js';
import { listAllocated } from '../../search/phases/score.js';
import type { TrialCount } from '../../search/study/phase.js';
import type { StudyPhase, StudyPlan } from '../../search/study/plan.js';
import { planPhase, type PlannedPhase } from '../estimates/estimate-seconds.js';
import { countCompensations, countErrors, countPasses, countPreparation } from '../estimates/count-recipe-work.js';
import { FIT_PHASE } from '../pruning/fit-on-stream.js';
import { countWrittenBytes, timeWriting } from '../pruning/plan-output.js';
import { countOutputBytes } from '../pruning/written-shape.js';
import { estimateRecovery } from '../pruning/recover-pruned.js';
import type { ComputedBy } from '../pruning/list-compensated-tensors.js';
import type { OutputPlan } from '../pruning/output-plan.js';
import { countTrialTokens, listObservations } from './study-measurements.js';
import type { Study } from './study.js';
import { countCalibrationTokens } from './study-recipes.js';

/**
 * The phases of a study with what each takes. All candidates count as one that meets the budgets at one rate. Layers
 * that architectures share are not taken off: it is known only later which they are.
 *
 * @param knownTrials how many trials, from the first, cost nothing (`countKnownTrials`)
 */
export function planPhases(study: PlannedStudy, knownTrials = 0): PlannedPhase[] {
  const { model, plan, recipes, recovery } = study;
  const known = shareOut(plan, knownTrials);
  const planned = [...countByPhase(plan)].flatMap(([phase, counts]) => {
    const trials = counts.reduce((sum, count) => sum + count.trials, 0);
    const knownOfPhase = known.get(phase) ?? 0;
    const left = trials === 0 ? 0 : 1 - knownOfPhase / trials;
    return [
      ...(phase === 'export' ? planStreamFit(study) : []),
      ...(phase === 'export' && recovery !== undefined
        ? [estimateRecovery(model.language.shape, findTypical(plan), recovery)]
        : []),
      planPhase(phase, {
        trials: trials - knownOfPhase,
        known: knownOfPhase,
        tokens:
          (phase === 'score' ? countCalibrationTokens(recipes) : 0) +
          Math.round(left * counts.reduce((sum, count) => sum + count.trials * countTrialTokens(study, count), 0)),
        work: addWork(
          countPhaseWork(study, phase),
          multiplyWork(addWork(...counts.map((count) => countTrialWork(study, count))), left),
        ),
        seconds:
          countSeconds(study, phase) +
          Math.round(left * counts.reduce((sum, count) => sum + count.trials * countWritten(study, count), 0)) *
            timeWriting(countOutputBytes(model.language.shape, findTypical(plan))),
      }),
    ];
  });
  return planned.filter(
    ({ trials, known: free = 0, work, seconds }) => trials + free + work.products + work.factors + seconds > 0,
  );
}

/** The winner is compensated once more to be trained or written, on its own stream if it was found to be better so. */
function planStreamFit({ model, plan, recipes: { compared }, output, recovery }: PlannedStudy): PlannedPhase[] {
  const stream = compared[0]?.stream;
  if (stream === undefined || plan.compensation.mode === 'one-shot') return [];
  if (output === undefined && recovery === undefined) return [];
  return [planPhase(FIT_PHASE, { work: countCompensations(model.language.shape, stream, findTypical(plan), 1) })];
}

/** How many of the first trials of a study fall to each phase. */
function shareOut(plan: StudyPlan, first: number): ReadonlyMap<StudyPhase, number> {
  const shares = new Map<StudyPhase, number>();
  let left = first;
  for (const { phase, trials } of listVisits(plan)) {
    const share = Math.min(
      left,
      trials.reduce((sum, count) => sum + count.trials, 0),
    );
    shares.set(phase, (shares.get(phase) ?? 0) + share);
    left -= share;
  }
  return shares;
}

/** What a phase computes apart from its trials. */
function countPhaseWork({ model, plan, recipes: { compared, paper } }: PlannedStudy, phase: StudyPhase): Work {
  const { shape } = model.language;
  const oneShot = compared.map((recipe) => recipe.oneShot);
  if (phase === 'score')
    return addWork(
      countPasses(shape, oneShot),
      ...oneShot.map((recipe) =>
        listAllocated(plan).includes('calibration-error')
          ? countErrors(shape, recipe)
          : countPreparation(shape, recipe),
      ),
    );
  return phase === 'controls' && paper !== undefined
    ? addWork(countPasses(shape, [paper]), countPreparation(shape, paper))
    : NO_WORK;
}

type PlannedStudy = Pick<
  Study,
  'model' | 'plan' | 'recipes' | 'evaluator' | 'windows' | 'further' | 'output' | 'recovery'
>;

function countTrialWork(study: PlannedStudy, count: TrialCount): Work {
  const { model, plan, recipes } = study;
  const { shape } = model.language;
  const architecture = findTypical(plan);
  const [first] = recipes.compared;
  const recipe = count.compensation === 'stream' ? (first?.stream ?? first?.oneShot) : first?.oneShot;
  return addWork(
    ...listObservations(study, count).map((request) =>
      multiplyWork(countObservation(shape, architecture, measureObservation(request)), count.trials),
    ),
    recipe === undefined ? NO_WORK : countCompensations(shape, recipe, architecture, count.trials),
  );
}

/** How many checkpoints a trial is measured as. */
function countWritten(study: PlannedStudy, count: TrialCount): number {
  return listObservations(study, count).filter(({ checkpoint }) => checkpoint !== undefined).length;
}

/** How many architectures are labelled on the search windows. */
export function countLabelled(plan: StudyPlan): number {
  const counts = [...countByPhase(plan).values()].flat();
  return counts.reduce((sum, { part, trials }) => sum + (part === 'search' ? trials : 0), 0);
}

/** Pruned at one rate as far as the budgets ask; unpruned if that does not meet them. */
export function findTypical({ space, budgets }: Pick<StudyPlan, 'space' | 'budgets'>): Architecture {
  const uniform = findUniformPaper(space, budgets);
  return uniform === undefined ? space.shape.layers : decodeCounts(space, uniform.counts);
}

/** About as many weights as a winner may have: all that the unpruned model has, unless a budget limits them. */
export function findLargest(plan: Pick<StudyPlan, 'space' | 'budgets'>): Architecture {
  const limited = plan.budgets.filter(({ cost: { kind } }) => kind === 'parameters' || kind === 'weight_bytes');
  return limited.length === 0 ? plan.space.shape.layers : findTypical({ space: plan.space, budgets: limited });
}

/** Of what the weights of about the winner may be computed by, that which has the most written, and how many bytes. */
export function findLargestOutput(
  { model, plan, recipes, recovery }: Pick<PlannedStudy, 'model' | 'plan' | 'recipes' | 'recovery'>,
  output: OutputPlan,
): { readonly by: ComputedBy; readonly weightBytes: number } {
  const winner = findTypical(plan);
  const isTrained = recovery !== undefined;
  return recipes.compared
    .flatMap(({ oneShot, stream }) => [oneShot, ...(stream === undefined ? [] : [stream])])
    .map(({ compensation }) => {
      const by = { compensation, isTrained };
      return { by, weightBytes: countWrittenBytes(model.language, winner, output, by) };
    })
    .reduce((largest, each) => (each.weightBytes > largest.weightBytes ? each : largest));
}

/** The first fit compares all backends, five times each: with two later ones 15 s for 52 pairs on two busy cores. */
const FIRST_FIT_SECONDS = 9;
const LATER_FIT_SECONDS = 3;
/** 30,000 candidates of 50 dimensions took 12 s, 10,000 of 10 dimensions 0.9 s. */
const DIMENSION_SECONDS = 8e-6;

/** What takes as long with any model. */
function countSeconds(study: PlannedStudy, phase: StudyPhase): number {
  const { plan, output } = study;
  const { rounds, candidates } = plan;
  switch (phase) {
    case 'fit':
      return FIRST_FIT_SECONDS + rounds * LATER_FIT_SECONDS;
    case 'search':
      return rounds * candidates * plan.space.dimensions.length * DIMENSION_SECONDS;
    case 'export':
      return output === undefined ? 0 : timeWriting(findLargestOutput(study, output).weightBytes);
    default:
      return 0;
  }
}
