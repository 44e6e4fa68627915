import { findInvalidMetric } from '../../../core/metric.js';
import { orAborted } from '../../../core/or-aborted.js';
import type { LabelAnswer, Labeller, LabelQueue, WantedLabel } from '../../../core/ports/label-queue.js';
import { keyText, type Label, type LabelKey, type LabelStore } from '../../../core/ports/label-store.js';
import type { Telemetry } from '../../../core/ports/telemetry.js';

export interface LabelQueueParts<Task> {
  readonly labels: LabelStore;
  readonly labeller: Labeller<Task>;
  readonly telemetry: Pick<Telemetry, 'labelAnswered'>;
}

/**
 * A label queue that measures in this process, when it is asked: labels from the store, and from the labeller what it
 * lacks. An order waits for a label that another order is measuring. It holds no claim while it waits, so two orders
 * never wait for each other.
 */
export function createLabelQueue<Task>({ labels, labeller, telemetry }: LabelQueueParts<Task>): LabelQueue<Task> {
  /** What orders are measuring now; `undefined` comes from an order that ended without the label. */
  const claims = new Map<string, Promise<Label | undefined>>();

  return {
    async *label({ wanted, task }, work) {
      const keyAt = (index: number): LabelKey => (wanted[index] as WantedLabel).key;
      /** The indices of each key that has no answer yet. */
      const open = new Map<string, readonly [first: number, ...others: number[]]>();
      for (const [index, label] of wanted.entries()) {
        const claim = claimText(label);
        const indices = open.get(claim);
        open.set(claim, indices === undefined ? [index] : [...indices, index]);
      }
      const answer = function* (claim: string, label: Label, isOwn: boolean): Iterable<LabelAnswer> {
        const invalid = findInvalidMetric(label);
        for (const [place, index] of (open.get(claim) ?? []).entries()) {
          const isPaid = isOwn && place === 0;
          const tokensSpent = isPaid ? label.tokensSpent : 0;
          telemetry.labelAnswered(invalid !== undefined ? 'invalid' : isPaid ? 'paid' : 'found', tokensSpent);
          if (invalid !== undefined) yield { index, invalid, tokensSpent };
          else
            yield {
              index,
              label: { ...label, tokensSpent },
              record: place === 0 ? { kind: 'label', key: keyAt(index), label } : undefined,
            };
        }
        open.delete(claim);
      };

      /** undefined if it has to be measured. */
      const completeLabel = (stored: Label | undefined, index: number): Label | undefined => {
        const metrics = wanted[index]?.metrics ?? [];
        if (stored === undefined || isWhole(stored, metrics)) return stored;
        const label = labeller.complete?.(task, index, stored);
        return label !== undefined && isWhole(label, metrics) ? label : undefined;
      };

      while (open.size > 0) {
        work.signal.throwIfAborted();
        /** What each claim of this order is told. */
        const own = new Map<string, (label: Label | undefined) => void>();
        const others = new Map<string, Promise<Label | undefined>>();
        for (const claim of open.keys()) {
          const other = claims.get(claim);
          if (other !== undefined) others.set(claim, other);
          else claims.set(claim, new Promise((resolve) => void own.set(claim, resolve)));
        }
        try {
          // After claiming: what an order that ended before has stored is found here.
          const asked = [...open];
          const known = await labels.getMany(asked.map(([, [first]]) => keyAt(first)));
          for (const [place, [claim, indices]] of asked.entries()) {
            const label = completeLabel(known[place], indices[0]);
            if (label === undefined) continue;
            for (const index of indices) {
              telemetry.labelAnswered('found', 0);
              yield { index, label: { ...label, tokensSpent: 0 }, record: undefined };
            }
            open.delete(claim);
          }
          const missing = new Map(
            [...open].filter(([claim]) => own.has(claim)).map(([claim, [first]]) => [first, claim] as const),
          );
          if (missing.size > 0)
            for await (const { index, label } of labeller.measure(task, [...missing.keys()], work)) {
              const claim = missing.get(index);
              if (claim === undefined) continue;
              own.get(claim)?.(label);
              yield* answer(claim, label, true);
            }
        } finally {
          for (const [claim, resolve] of own) {
            claims.delete(claim);
            resolve(undefined);
          }
        }
        for (const claim of own.keys()) open.delete(claim);
        for (const [claim, other] of others) {
          if (!open.has(claim)) continue;
          const label = await orAborted(other, work.signal);
          if (label !== undefined) yield* answer(claim, label, false);
        }
      }
    },
  };
}

/** Orders that want other metrics of a key do not share its label. */
function claimText({ key, metrics }: WantedLabel): string {
  return JSON.stringify([keyText(key), ...metrics.toSorted()]);
}

/** One of an earlier version may lack a metric, or have one that is not finite. */
function isWhole(label: Label, metrics: readonly string[]): boolean {
  return metrics.every((name) => name in label.metrics) && findInvalidMetric(label) === undefined;
}
