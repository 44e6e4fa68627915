import { setImmediate } from 'node:timers/promises';
import type { Rng } from '../../core/ports/rng.js';
import { decodeCounts } from '../../core/space/search-space.js';
import type { EvaluationPlan } from '../../core/ports/evaluator.js';
import { drawPairs } from '../../search/study/draw-pairs.js';
import type { StudyAction } from '../../search/study/next-action.js';
import type { StudyEvent, TextPart, TrialPoint } from '../../search/study/study-state.js';
import type { JobContext } from '../jobs/jobs.js';
import { workControl } from '../jobs/work-control.js';
import type { LabelTarget, StoredLabelQueue } from '../labels/stored-label-queue.js';
import type { RankedModel } from '../recipes/prepare-recipe.js';
import type { Study } from './study.js';

/** A study whose windows are planned as far as it measures: one that only samples has none but those of its pairs. */
export type SampledStudy = Pick<Study, 'id' | 'model' | 'plan' | 'recipe' | 'evaluator' | 'request'> & {
  readonly windows: Pick<Study['windows'], 'search'> & Partial<Study['windows']>;
};

/** What a study does to come to its pairs; the same for one that stops there. */
export type SampleAction = Extract<StudyAction, { kind: 'score' | 'draw' | 'evaluate' }>;

/** Does one action of a sample; the events say what came of it. */
export async function* performSample(
  services: { readonly labels: StoredLabelQueue },
  study: SampledStudy,
  ranked: RankedModel,
  action: SampleAction,
  rng: Rng,
  context: JobContext,
): AsyncGenerator<StudyEvent> {
  switch (action.kind) {
    case 'score':
      yield { kind: 'scored', tokensSpent: study.recipe.calibration?.sequences.reduce((sum, sequence) => sum + sequence.length, 0) ?? 0 };
      return;
    case 'draw':
      yield { kind: 'drawn', points: await drawPairs(study.plan, { ...action, rng: rng.fork(action.seed) }, () => setImmediate()) };
      return;
    case 'evaluate':
      yield* evaluate(services.labels, study, ranked, action.points, context);
  }
}

const ACTIVITIES = {
  search: 'labelling pairs',
  verify: 'verifying',
  report: 'reporting',
} as const satisfies Record<TextPart, string>;

async function* evaluate(labels: StoredLabelQueue, study: SampledStudy, ranked: RankedModel, points: readonly TrialPoint[], context: JobContext): AsyncGenerator<StudyEvent> {
  const { plan } = study;
  for (const part of ['search', 'verify', 'report'] as const) {
    const group = points.filter((point) => point.part === part);
    const windows = study.windows[part];
    if (group.length === 0) continue;
    if (windows === undefined) throw new RangeError(`the study has no windows of ${part}`);
    const architectures = group.map(({ counts }) => decodeCounts(plan.space, counts));
    for await (const { index, label, write } of labels.labelUnstored(createTarget(study, ranked, windows), architectures, workControl(context, ACTIVITIES[part]))) {
      if (write !== undefined) context.keep(write);
      const losses = part === 'report' ? { losses: { losses: [...label.windowLosses], tokens: [...label.windowTokens] } } : {};
      yield {
        kind: 'evaluated',
        trial: { ...(group[index] as TrialPoint), value: label.metrics[plan.objective.name] ?? Number.NaN, tokensSpent: label.tokensSpent, ...losses },
      };
    }
  }
}

/** What a study's architectures are labelled for, on some of its windows. */
export function createTarget({ model, evaluator }: Pick<Study, 'model' | 'evaluator'>, { recipeDigest, subject }: RankedModel, plan: EvaluationPlan): LabelTarget {
  return {
    checkpointDigest: model.language.checkpoint.digest,
    recipeDigest,
    subject,
    evaluator: evaluator.plugin,
    evaluatorOptions: evaluator.options,
    plan,
  };
}
