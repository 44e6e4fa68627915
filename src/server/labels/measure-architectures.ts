import { nameMetric } from '../../core/metric.js';
import type { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Architecture } from '../../core/model/shape.js';
import type { LabelAnswer } from '../../core/ports/label-queue.js';
import type { Label, LabelRecord } from '../../core/ports/label-store.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { orderLabels, type ArchitectureLabels, type LabelTarget, type PlannedMeasurement } from './label-task.js';

/** An architecture with what all measurements found. */
export type MeasuredArchitecture = Measured | Unmeasured;

export interface Measured {
  /** Index into the architectures asked for. */
  readonly index: number;
  /** One per measurement. */
  readonly labels: readonly Label[];
  /** What stores those that are not known to be stored. */
  readonly records: readonly LabelRecord[];
  readonly tokensSpent: number;
}

/** One of which a metric is not finite. */
interface Unmeasured extends Omit<Measured, 'labels'> {
  /** METRIC_INVALID. */
  readonly invalid: PrunecastError;
}

/** The metrics of all labels, with the names that requests and reports have for them. */
export function joinMetrics(
  measurements: readonly Pick<PlannedMeasurement, 'name'>[],
  labels: readonly Pick<Label, 'metrics'>[],
): Record<string, number> {
  return Object.fromEntries(
    labels.flatMap(({ metrics }, place) =>
      Object.entries(metrics).map(([metric, value]) => [nameMetric(measurements[place]?.name ?? '', metric), value]),
    ),
  );
}

/** Labels architectures in all measurements of a target; each comes as soon as its last label is there. */
export async function* measureArchitectures(
  labels: ArchitectureLabels,
  target: LabelTarget,
  architectures: readonly Architecture[],
  work: WorkContext,
): AsyncGenerator<MeasuredArchitecture> {
  const count = target.measurements.length;
  const open = new Map<number, LabelAnswer[]>();
  for await (const answer of labels.label(orderLabels(target, architectures), work)) {
    const index = Math.floor(answer.index / count);
    const answers = [...(open.get(index) ?? []), answer];
    open.set(index, answers);
    if (answers.length < count) continue;
    open.delete(index);
    yield join(index, answers);
  }
}

function join(index: number, answers: readonly LabelAnswer[]): MeasuredArchitecture {
  const sorted = answers.toSorted((a, b) => a.index - b.index);
  const labelled = sorted.flatMap((answer) => ('label' in answer ? [answer] : []));
  const [broken] = sorted.flatMap((answer) => ('invalid' in answer ? [answer] : []));
  const tokensSpent = sorted.reduce(
    (sum, answer) => sum + ('label' in answer ? answer.label.tokensSpent : answer.tokensSpent),
    0,
  );
  const shared = { index, records: labelled.flatMap(({ record }) => record ?? []), tokensSpent };
  return broken === undefined
    ? { ...shared, labels: labelled.map(({ label }) => label) }
    : { ...shared, invalid: broken.invalid };
}
