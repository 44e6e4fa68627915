import { decodeCounts } from '../../core/space/search-space.js';
import { nameMetric, type MetricDefinition } from '../../core/metric.js';
import type { Label } from '../../core/ports/label-store.js';
import type { Telemetry } from '../../core/ports/telemetry.js';
import type { SpanStart, Tracer } from '../../core/ports/tracer.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { listAllocated } from '../../search/phases/score.js';
import type { StudyPhase } from '../../search/study/plan.js';
import type { Allocation } from '../../search/study/steps.js';
import { findCalibrationErrorAllocation } from '../../search/controls/calibration-error.js';
import { findGlobalThreshold } from '../../search/controls/global-threshold.js';
import type { TrialPoint, TrialResult } from '../../search/study/trial.js';
import { breatheUnder } from '../jobs/breathe-under.js';
import { workContext, type JobContext } from '../kinds/job-context.js';
import type { ArchitectureLabels, LabelTarget } from '../labels/label-task.js';
import { joinMetrics, measureArchitectures } from '../labels/measure-architectures.js';
import { traceMeasured } from '../labels/trace-measured.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';
import { listLayerScores, measureLayerErrors } from '../recipes/allocation-inputs.js';
import type { RankedModel, RecipePreparer } from '../recipes/prepare-recipe.js';
import type { SamplePorts } from './drive.js';
import type { StudyLog } from './study-log.js';
import type { SampledStudy } from './study.js';
import { countCalibrationTokens, findRecipe, prepareRecipe } from './study-recipes.js';
import { listMeasurements } from './study-measurements.js';

export interface SampleServices {
  readonly labels: ArchitectureLabels;
  readonly preparer: RecipePreparer;
  readonly plugins: PluginLookup;
  readonly telemetry: Pick<Telemetry, 'trialStored'>;
  readonly tracer: Tracer;
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
    record: async (before, after, event) => {
      await log.record(before, after, event);
      if (event.kind === 'evaluated') services.telemetry.trialStored();
    },
    breathe: breatheUnder(context.signal),
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
      : await findCalibrationErrorAllocation(space, errors, budgets, breatheUnder(work.signal));
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
  { labels, tracer, prepare }: Pick<SampleServices, 'labels' | 'tracer'> & { readonly prepare: PreparePoint },
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
    const target = createTarget(study, ranked, first);
    const broken: TrialResult[] = [];
    const results = measureArchitectures(labels, target, architectures, workContext(context, activity));
    for await (const found of traceMeasured(tracer, results, (index) => describeTrial(group[index] ?? first))) {
      for (const record of found.records) context.keep(record);
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
      const metrics = joinMetrics(target.measurements, found.labels);
      const items = first.part === 'report' ? listItems(plan.metric, target, found.labels) : undefined;
      yield {
        ...(group[found.index] as TrialPoint),
        value: metrics[plan.metric.name] ?? Number.NaN,
        metrics,
        tokensSpent: found.tokensSpent,
        ...(items === undefined ? {} : { losses: items }),
      };
    }
    yield* broken;
  }
}

function describeTrial({ role, part, rung }: TrialPoint): Pick<SpanStart, 'name' | 'attributes'> {
  return { name: `trial ${role}`, attributes: { 'prunecast.part': part, 'prunecast.rung': rung } };
}

/** What a metric is the mean of; undefined if it is no mean, or if the label of an earlier version lacks it. */
function listItems(
  { name, mean }: MetricDefinition,
  { measurements }: LabelTarget,
  labels: readonly Label[],
): TrialResult['losses'] {
  const place = measurements.findIndex((own) =>
    own.evaluator.metrics.some((metric) => nameMetric(own.name, metric.name) === name),
  );
  const items = labels[place]?.items ?? {};
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

/** The label target of a study's architectures, in one of its parts. */
export function createTarget(
  study: Pick<SampledStudy, 'model' | 'evaluator' | 'windows' | 'further'>,
  { recipeDigest, subject }: RankedModel,
  part: Pick<TrialPoint, 'part' | 'rung'>,
): LabelTarget {
  return {
    checkpointDigest: study.model.language.checkpoint.digest,
    requireUnchanged: study.model.language.checkpoint.files.requireUnchanged,
    recipeDigest,
    subject,
    measurements: listMeasurements(study, part),
  };
}
