import type { Architecture } from '../../core/model/shape.js';
import type { EvaluatedArchitecture, EvaluationPlan, EvaluationSubject, Evaluator } from '../../core/ports/evaluator.js';
import type { Label, LabelQueue } from '../../core/ports/label-queue.js';
import { architectureKey } from '../encoding/architecture.js';
import { fidelityDigest, measurementFingerprint } from '../encoding/measurement.js';
import type { LabelKey, LabelStore } from '../store/label-store.js';

/** What an architecture is labelled for: a checkpoint under a recipe, measured by a plan. */
export interface LabelTarget {
  readonly checkpointDigest: string;
  /** The recipe's digest, or that of named units. The unpruned architecture is stored under none. */
  readonly recipeDigest: string;
  readonly subject: EvaluationSubject;
  readonly evaluator: Evaluator;
  readonly evaluatorOptions: unknown;
  readonly plan: EvaluationPlan;
}

/** Labels from the store where they are paid for, from the evaluator where they are not; the latter are stored as they come. */
export function createLabelQueue(store: LabelStore): LabelQueue<LabelTarget> {
  return {
    async *label(target, architectures, control) {
      const keys = createKeys(target, architectures);
      const known = await store.getMany(keys);
      const missing = new Map<string, number[]>();
      for (const [index, key] of keys.entries()) {
        const label = known[index];
        if (label !== undefined) yield { index, label: { ...label, tokensSpent: 0 } };
        else missing.set(key.architectureKey, [...(missing.get(key.architectureKey) ?? []), index]);
      }
      if (missing.size === 0) return;
      const groups = [...missing.values()];
      const asked = groups.map(([first]) => architectures[first as number] as Architecture);
      for await (const result of target.evaluator.measure(target.subject, asked, target.plan, control, target.evaluatorOptions)) {
        const group = groups[result.index] ?? [];
        const label = toLabel(result, target.plan.fidelity.tokens);
        const [first] = group;
        if (first !== undefined) await store.put(keys[first] as LabelKey, label);
        for (const [place, index] of group.entries()) yield { index, label: place === 0 ? label : { ...label, tokensSpent: 0 } };
      }
    },
  };
}

function createKeys(target: LabelTarget, architectures: readonly Architecture[]): LabelKey[] {
  const shared = {
    checkpointDigest: target.checkpointDigest,
    measurementFingerprint: measurementFingerprint(target.plan.measurement),
    fidelityDigest: fidelityDigest(target.plan.fidelity),
  };
  const dense = architectureKey(target.subject.shape.layers);
  return architectures.map((architecture) => {
    const key = architectureKey(architecture);
    return { ...shared, recipeDigest: key === dense ? '' : target.recipeDigest, architectureKey: key };
  });
}

function toLabel(result: EvaluatedArchitecture, tokens: number): Label {
  return { metrics: result.metrics, windowLosses: result.windowLosses, windowTokens: result.windowTokens, tokensSpent: tokens };
}
