import { selectKeptUnits } from '../../core/model/units.js';
import type { TrainingResult } from '../../core/ports/recovery.js';
import { decodeCounts } from '../../core/space/search-space.js';
import { digestOf } from '../../engine/files/digest.js';
import type { WrittenExport } from '../../gen/prunecast/v1/common.js';
import type { StudyState } from '../../search/machine.js';
import { findWinner } from '../../search/phases/verify.js';
import type { ExportedForm } from '../../search/study/steps.js';
import { measurementFingerprint } from '../encoding/measurement.js';
import { workContext, type JobContext } from '../kinds/job-context.js';
import { describeRecovery, recoverPruned, train, type Recovered } from '../pruning/recover-pruned.js';
import { describeCosts } from '../pruning/describe-output.js';
import { writePruned } from '../pruning/write-pruned.js';
import type { RankedModel } from '../recipes/prepare-recipe.js';
import { planOf } from '../requests/plan-study-texts.js';
import { planRecovery, type ResolvedRecovery } from '../requests/resolve-recovery.js';
import type { StudyPorts } from './drive.js';
import { metricsOf } from './encode-report.js';
import type { PreparePoint } from './sample-ports.js';
import type { SearchServices, Study } from './study.js';
import { findRecipe, prepareRecipe } from './study-recipes.js';

/** How the winner of a study is finished, and measured as it is then. */
export interface WinnerFinish {
  /** Trains the winner if the study has a recovery, and writes it if it has an output. */
  readonly finish: StudyPorts['exportWinner'];
  /** The model that a point is measured in; of role `recovered` with its trained weights. */
  readonly prepare: PreparePoint;
}

export function createWinnerFinish(
  services: Pick<SearchServices, 'preparer' | 'outputs'>,
  study: Study,
  context: JobContext,
): WinnerFinish {
  const { model, plan, recipes, recovery, output } = study;
  const { language } = model;
  const prepareOwn: PreparePoint = (point, work) => prepareRecipe(services.preparer, study, point, work);
  return {
    async finish(state) {
      if (output === undefined && recovery === undefined) return { output: '' };
      const winner = findWinner(plan, state);
      const { recipe, ranking } = await prepareOwn(winner, workContext(context, 'calibrating'));
      const architecture = decodeCounts(plan.space, winner.counts);
      const recovered = recovery && (await recoverPruned(language, { recipe, architecture, recovery }, context));
      const written =
        output &&
        (await writePruned(
          services.outputs,
          model,
          {
            keptUnits: selectKeptUnits(ranking, architecture, plan.space.shape.layers),
            recipe: recovered?.recipe ?? recipe,
          },
          output,
          {
            recipe: findRecipe(recipes, winner),
            allocation: '',
            budgets: plan.budgets,
            ...describeOutcome(study, state, recovered?.result),
          },
          context,
        ));
      return {
        output: output?.output ?? '',
        ...(written === undefined || written.exports.length === 0 ? {} : { exports: written.exports.map(storeExport) }),
        ...(recovered === undefined ? {} : { recovery: recovered.result }),
      };
    },
    async prepare(point, work) {
      const ranked = await prepareOwn(point, work);
      if (point.role !== 'recovered' || recovery === undefined) return ranked;
      const architecture = decodeCounts(plan.space, point.counts);
      return withTrained(
        study,
        ranked,
        await train(language, { recipe: ranked.recipe, architecture, recovery }, context),
        recovery,
      );
    },
  };
}

/** A form of an output as a study stores it. */
function storeExport({ bytes, costs, ...written }: WrittenExport): ExportedForm {
  return { ...written, bytes: Number(bytes), costs: describeCosts(costs) };
}

/** What a manifest says of what was measured, and of the recovery. The verify windows were measured before it. */
function describeOutcome(
  { id, plan, windows, recovery }: Study,
  state: StudyState,
  trained: TrainingResult | undefined,
) {
  const winner = findWinner(plan, state);
  const verified = {
    fingerprint: measurementFingerprint(planOf(windows, winner).measurement),
    metrics: metricsOf(plan, winner),
  };
  if (recovery === undefined || trained === undefined) return { measurements: { study_id: id, verify: verified } };
  return {
    recovery: describeRecovery(recovery, trained),
    measurements: { study_id: id, verify_before_recovery: verified },
  };
}

/** A model with trained weights. Its labels are the study's own: where time ends a training, another one differs. */
function withTrained(
  { id, model }: Study,
  { recipeDigest, ranking }: RankedModel,
  { recipe }: Recovered,
  recovery: ResolvedRecovery,
): RankedModel {
  return {
    recipeDigest: digestOf({ recipe: recipeDigest, recovery: planRecovery(recovery), study: id }),
    ranking,
    recipe,
    subject: model.language.subject(recipe),
  };
}
