import { findInvalidMetric } from '../../../core/metric.js';
import type { Labeller, LabelQueue } from '../../../core/ports/label-queue.js';
import { keyText, type Label, type LabelKey, type LabelStore } from '../../../core/ports/label-store.js';
import type { Telemetry } from '../../../core/ports/telemetry.js';

export interface LabelQueueParts<Task> {
  readonly labels: LabelStore;
  readonly labeller: Labeller<Task>;
  readonly telemetry: Pick<Telemetry, 'labelAnswered'>;
}

/**
 * A label queue that measures in this process, when it is asked: labels from the store, and from the labeller what it
 * lacks.
 */
export function createLabelQueue<Task>({ labels, labeller, telemetry }: LabelQueueParts<Task>): LabelQueue<Task> {
  return {
    async *label({ keys, metrics, task }, work) {
      work.signal.throwIfAborted();
      const known = await labels.getMany(keys);
      /** The indices of each key that has no label yet. */
      const missing = new Map<string, number[]>();
      for (const [index, key] of keys.entries()) {
        const label = known[index];
        if (label !== undefined && isWhole(label, metrics)) {
          telemetry.labelAnswered('found', 0);
          yield { index, label: { ...label, tokensSpent: 0 }, record: undefined };
        } else missing.set(keyText(key), [...(missing.get(keyText(key)) ?? []), index]);
      }
      if (missing.size === 0) return;
      const firsts = new Map([...missing.values()].map((indices) => [indices[0] as number, indices]));
      for await (const { index: first, label } of labeller.measure(task, [...firsts.keys()], work)) {
        const invalid = findInvalidMetric(label);
        for (const index of firsts.get(first) ?? []) {
          const isFirst = index === first;
          const tokensSpent = isFirst ? label.tokensSpent : 0;
          telemetry.labelAnswered(invalid !== undefined ? 'invalid' : isFirst ? 'paid' : 'found', tokensSpent);
          if (invalid !== undefined) yield { index, invalid, tokensSpent };
          else
            yield {
              index,
              label: { ...label, tokensSpent },
              record: isFirst ? { kind: 'label', key: keys[index] as LabelKey, label } : undefined,
            };
        }
      }
    },
  };
}

/** One of an earlier version may lack a metric, or have one that is not finite. */
function isWhole(label: Label, metrics: readonly string[]): boolean {
  return metrics.every((name) => name in label.metrics) && findInvalidMetric(label) === undefined;
}
