import type { Architecture } from '../../core/model/shape.js';
import type { EvaluationPlan, EvaluationSubject, Evaluator } from '../../core/ports/evaluator.js';
import type { Labeller, LabelOrder, LabelQueue } from '../../core/ports/label-queue.js';
import { architectureKey } from '../../core/model/architecture-key.js';
import { fidelityDigest, measurementFingerprint } from '../encoding/measurement.js';

/** What is labelled: architectures of a checkpoint under a recipe, measured by a plan. */
export interface LabelTarget {
  readonly checkpointDigest: string;
  /**
   * Throws MODEL_CHANGED if the digest no longer matches the checkpoint: what was measured meanwhile is not a label.
   */
  readonly requireUnchanged: (signal: AbortSignal) => Promise<void>;
  /** The recipe's digest, or that of named units. The unpruned architecture is stored with an empty one. */
  readonly recipeDigest: string;
  readonly subject: EvaluationSubject;
  readonly evaluator: Evaluator;
  readonly evaluatorOptions: unknown;
  readonly plan: EvaluationPlan;
}

/** Architectures to be labelled for one target. */
export interface LabelTask extends LabelTarget {
  readonly architectures: readonly Architecture[];
}

export type ArchitectureLabels = LabelQueue<LabelTask>;

/** The order for labels of architectures, one each. */
export function orderLabels(target: LabelTarget, architectures: readonly Architecture[]): LabelOrder<LabelTask> {
  const shared = {
    checkpointDigest: target.checkpointDigest,
    measurementFingerprint: measurementFingerprint(target.plan.measurement),
    fidelityDigest: fidelityDigest(target.plan.fidelity),
  };
  const dense = architectureKey(target.subject.shape.layers);
  return {
    keys: architectures.map((architecture) => {
      const key = architectureKey(architecture);
      return { ...shared, recipeDigest: key === dense ? '' : target.recipeDigest, architectureKey: key };
    }),
    metrics: target.plan.metrics ?? target.evaluator.metrics.map(({ name }) => name),
    task: { ...target, architectures },
  };
}

/** Labels architectures by their evaluator. */
export const evaluatorLabeller: Labeller<LabelTask> = {
  async *measure({ architectures, evaluator, evaluatorOptions, subject, plan, requireUnchanged }, indices, work) {
    const asked = indices.map((index) => architectures[index] as Architecture);
    const { sequences, fidelity, observe } = plan;
    const request = { ...observe, sequences, precision: fidelity.precision };
    for await (const { index, ...seen } of subject.observe(asked, request, work)) {
      const observed = { ...seen, shape: subject.shape, architecture: asked[index] as Architecture };
      const { metrics, items } = await evaluator.reduce(observed, plan, evaluatorOptions, work);
      await requireUnchanged(work.signal);
      yield { index: indices[index] as number, label: { metrics, items, tokensSpent: fidelity.tokens } };
    }
  },
};
