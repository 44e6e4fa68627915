import { setImmediate } from 'node:timers/promises';
import { decodeCounts } from '../../core/space/search-space.js';
import type { MetricDefinition } from '../../core/metric.js';
import type { Label } from '../../core/ports/label-store.js';
import type { EvaluationPlan } from '../../core/ports/evaluator.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { listAllocated } from '../../search/phases/score.js';
import type { StudyPhase } from '../../search/study/plan.js';
import type { Allocation } from '../../search/study/steps.js';
import { findCalibrationErrorAllocation } from '../../search/controls/calibration-error.js';
import { findGlobalThreshold } from '../../search/controls/global-threshold.js';
import type { TrialPoint, TrialResult } from '../../search/study/trial.js';
import { workContext, type JobContext } from '../kinds/job-context.js';
import { orderLabels, type ArchitectureLabels, type LabelTarget } from '../labels/label-task.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';
import { listLayerScores, measureLayerErrors } from '../recipes/allocation-inputs.js';
import type { RankedModel, RecipePreparer } from '../recipes/prepare-recipe.js';
import type { SamplePorts } from './drive.js';
import type { StudyLog } from './study-log.js';
import type { SampledStudy, Study } from './study.js';
import { countCalibrationTokens, findRecipe, prepareRecipe } from './study-recipes.js';
import { planOf } from '../requests/plan-study-texts.js';

export interface SampleServices {
  readonly labels: ArchitectureLabels;
  readonly preparer: RecipePreparer;
  readonly plugins: PluginLookup;
}

/**
 * The ports of a study's sample.
 *
 * @param prepare makes the model ready that points of one group are measured in; by default their recipe alone
 */
export function createSamplePorts(
  services: SampleServices,
  study: SampledStudy,
  log: Pick<StudyLog, 'record'>,
  context: JobContext,
  prepare: PreparePoint = (point, work) => prepareRecipe(services.preparer, study, point, work),
): SamplePorts {
  return {
    score: () => score(services, study, context),
    evaluate: (points, phase) =>
      evaluate({ ...services, prepare }, study, points, ACTIVITIES[phase] ?? 'measuring', context),
    record: (before, after, event) => log.record(before, after, event),
    breathe: () => setImmediate(),
  };
}

/** The model that a point is measured in. */
export type PreparePoint = (point: TrialPoint, work: WorkContext) => Promise<RankedModel>;

/** Ranks the units in every compared recipe, and allocates the budgets by its scores and errors. */
async function score(services: SampleServices, study: SampledStudy, context: JobContext) {
  const allocations: Allocation[][] = [];
  for (const recipe of study.recipes.compared.keys())
    allocations.push(await allocate(services, study, recipe, workContext(context, 'calibrating')));
  return { tokensSpent: countCalibrationTokens(study.recipes), allocations };
}

/** None if the plan needs them neither as pairs nor as controls. */
async function allocate(
  { preparer, plugins }: SampleServices,
  study: SampledStudy,
  recipe: number,
  work: WorkContext,
): Promise<Allocation[]> {
  const {
    model,
    recipes,
    plan: { space, budgets },
  } = study;
  const ranked = await prepareRecipe(preparer, study, { recipe, compensation: 'one-shot' }, work);
  const wanted = listAllocated(study.plan);
  const scores = wanted.includes('global-threshold') ? listLayerScores(ranked) : undefined;
  const threshold = scores === undefined ? undefined : findGlobalThreshold(space, scores, budgets);
  const errors = wanted.includes('calibration-error')
    ? await measureLayerErrors(
        plugins,
        model.language,
        findRecipe(recipes, { recipe, compensation: 'one-shot' }),
        ranked,
        work,
      )
    : undefined;
  const shared =
    errors === undefined
      ? undefined
      : await findCalibrationErrorAllocation(space, errors, budgets, () => setImmediate());
  return [
    ...(threshold === undefined ? [] : [{ control: 'global-threshold', counts: threshold } as const]),
    ...(shared === undefined ? [] : [{ control: 'calibration-error', counts: shared.counts } as const]),
  ];
}

/** What measuring is called in the phases that measure. */
const ACTIVITIES: Readonly<Partial<Record<StudyPhase, string>>> = {
  recipe: 'labelling pairs',
  sample: 'labelling pairs',
  verify: 'verifying',
  controls: 'measuring controls',
  report: 'reporting',
};

/**
 * Measures points. A point whose metrics are not finite becomes a trial without metrics: it ranks last and is not a
 * pair. Throws METRIC_INVALID if no point of a kind has finite metrics, or if a point needed for the report has none.
 */
async function* evaluate(
  { labels, prepare }: Pick<SampleServices, 'labels'> & { readonly prepare: PreparePoint },
  study: SampledStudy,
  points: readonly TrialPoint[],
  activity: string,
  context: JobContext,
): AsyncGenerator<TrialResult> {
  const { plan } = study;
  for (const group of groupPoints(points)) {
    const [first] = group;
    if (first === undefined) continue;
    const ranked = await prepare(first, workContext(context, 'calibrating'));
    const architectures = group.map(({ counts }) => decodeCounts(plan.space, counts));
    const target = createTarget(study, ranked, planOf(study.windows, first));
    const broken: TrialResult[] = [];
    for await (const found of labels.label(orderLabels(target, architectures), workContext(context, activity))) {
      if ('invalid' in found) {
        // Thrown at the end: if no architecture of a group can be measured, the model is at fault, not the pruning.
        broken.push({
          ...(group[found.index] as TrialPoint),
          value: Number.NaN,
          metrics: {},
          tokensSpent: found.tokensSpent,
        });
        if (first.part === 'report' || broken.length === group.length) throw found.invalid;
        continue;
      }
      const { index, label, record } = found;
      if (record !== undefined) context.keep(record);
      const items = first.part === 'report' ? listItems(plan.metric, label) : undefined;
      yield {
        ...(group[index] as TrialPoint),
        value: label.metrics[plan.metric.name] ?? Number.NaN,
        metrics: { ...label.metrics },
        tokensSpent: label.tokensSpent,
        ...(items === undefined ? {} : { losses: items }),
      };
    }
    yield* broken;
  }
}

/** What a metric is the mean of; undefined if it is no mean, or if the label of an earlier version lacks it. */
function listItems({ mean }: MetricDefinition, { items }: Label): TrialResult['losses'] {
  const [sums, counts] = mean === undefined ? [] : [items[mean.of], items[mean.per]];
  return sums === undefined || counts === undefined ? undefined : { losses: [...sums], tokens: [...counts] };
}

/** Points with the same windows, recipe, compensation and training: they are labelled together. */
function groupPoints(points: readonly TrialPoint[]): readonly TrialPoint[][] {
  const groups = new Map<string, TrialPoint[]>();
  for (const point of points) {
    const key = [point.part, point.rung, point.recipe, point.compensation, point.role === 'recovered'].join();
    groups.set(key, [...(groups.get(key) ?? []), point]);
  }
  return [...groups.values()];
}

/** The label target of a study's architectures, on some of its windows. */
export function createTarget(
  { model, evaluator }: Pick<Study, 'model' | 'evaluator'>,
  { recipeDigest, subject }: RankedModel,
  plan: EvaluationPlan,
): LabelTarget {
  return {
    checkpointDigest: model.language.checkpoint.digest,
    requireUnchanged: model.language.checkpoint.files.requireUnchanged,
    recipeDigest,
    subject,
    evaluator: evaluator.plugin,
    evaluatorOptions: evaluator.options,
    plan,
  };
}
