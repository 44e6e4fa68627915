import type { PrunecastError } from '../../core/errors/prunecast-error.js';
import { findInvalidMetric } from '../../core/metric.js';
import type { Architecture } from '../../core/model/shape.js';
import type {
  EvaluatedArchitecture,
  EvaluationPlan,
  EvaluationSubject,
  Evaluator,
} from '../../core/ports/evaluator.js';
import type { Label, LabelQueue } from '../../core/ports/label-queue.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { architectureKey } from '../encoding/architecture.js';
import { fidelityDigest, measurementFingerprint } from '../encoding/measurement.js';
import type { LabelKey, LabelStore } from '../store/label-store.js';
import type { StoreWrite } from '../store/store-write.js';

/** What an architecture is labelled for: a checkpoint under a recipe, measured by a plan. */
export interface LabelTarget {
  readonly checkpointDigest: string;
  /** Throws MODEL_CHANGED where that digest no longer names what is there: what was measured meanwhile is then not stored. */
  readonly requireUnchanged: (signal: AbortSignal) => Promise<void>;
  /** The recipe's digest, or that of named units. The unpruned architecture is stored under none. */
  readonly recipeDigest: string;
  readonly subject: EvaluationSubject;
  readonly evaluator: Evaluator;
  readonly evaluatorOptions: unknown;
  readonly plan: EvaluationPlan;
}

/** The label queue of a server, whose labels are kept in its store. */
export interface StoredLabelQueue extends LabelQueue<LabelTarget> {
  /**
   * As `label`, but what was paid just now is stored by the caller: `write` goes into the transaction of what is made of the
   * label, so that a server that dies leaves both or neither. undefined where the label is stored already. What was measured
   * but is no label comes as the reason, METRIC_INVALID.
   */
  labelUnstored(
    target: LabelTarget,
    architectures: readonly Architecture[],
    work: WorkContext,
  ): AsyncIterable<UnstoredLabel | InvalidLabel>;
}

export interface UnstoredLabel {
  readonly index: number;
  readonly label: Label;
  readonly write: StoreWrite | undefined;
}

/** An architecture whose metrics are not finite: it has no label. */
export interface InvalidLabel {
  readonly index: number;
  readonly invalid: PrunecastError;
  readonly tokensSpent: number;
}

/**
 * Labels from the store where they are paid for, from the evaluator where they are not; `label` stores the latter as they come.
 * One of an earlier version that lacks a metric the evaluator has by now, or whose metrics are not finite, is measured again.
 * `label` throws METRIC_INVALID.
 */
export function createLabelQueue(store: LabelStore): StoredLabelQueue {
  return {
    async *label(target, architectures, work) {
      for await (const found of labelAll(store, target, architectures, work)) {
        if ('invalid' in found) throw found.invalid;
        const { index, label, key } = found;
        if (key !== undefined) await store.put(key, label);
        yield { index, label };
      }
    },
    async *labelUnstored(target, architectures, work) {
      for await (const found of labelAll(store, target, architectures, work)) {
        if ('invalid' in found) yield found;
        else
          yield {
            index: found.index,
            label: found.label,
            write: found.key === undefined ? undefined : store.putting(found.key, found.label),
          };
      }
    },
  };
}

/** A label, with the key under which it is to be stored where it is not yet. */
interface KeyedLabel {
  readonly index: number;
  readonly label: Label;
  readonly key: LabelKey | undefined;
}

async function* labelAll(
  store: LabelStore,
  target: LabelTarget,
  architectures: readonly Architecture[],
  work: WorkContext,
): AsyncGenerator<KeyedLabel | InvalidLabel> {
  const keys = createKeys(target, architectures);
  const known = await store.getMany(keys);
  const missing = new Map<string, number[]>();
  for (const [index, key] of keys.entries()) {
    const label = known[index];
    if (label !== undefined && isWhole(label, target.evaluator))
      yield { index, label: { ...label, tokensSpent: 0 }, key: undefined };
    else missing.set(key.architectureKey, [...(missing.get(key.architectureKey) ?? []), index]);
  }
  if (missing.size === 0) return;
  const groups = [...missing.values()];
  const asked = groups.map(([first]) => architectures[first as number] as Architecture);
  for await (const result of target.evaluator.measure(
    target.subject,
    asked,
    target.plan,
    work,
    target.evaluatorOptions,
  )) {
    await target.requireUnchanged(work.signal);
    const group = groups[result.index] ?? [];
    const label = toLabel(result, target.plan.fidelity.tokens);
    const invalid = findInvalidMetric(label);
    for (const [place, index] of group.entries()) {
      if (invalid !== undefined) {
        yield { index, invalid, tokensSpent: place === 0 ? label.tokensSpent : 0 };
        continue;
      }
      yield place === 0
        ? { index, label, key: keys[index] }
        : { index, label: { ...label, tokensSpent: 0 }, key: undefined };
    }
  }
}

function isWhole(label: Label, { metrics }: Evaluator): boolean {
  return metrics.every(({ name }) => name in label.metrics) && findInvalidMetric(label) === undefined;
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
  return {
    metrics: result.metrics,
    windowLosses: result.windowLosses,
    windowHits: result.windowHits,
    windowTokens: result.windowTokens,
    tokensSpent: tokens,
  };
}
