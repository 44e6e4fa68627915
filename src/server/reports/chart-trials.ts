import type { MetricDefinition } from '../../core/metric.js';
import type { StudyOverview } from '../../gen/prunecast/v1/study.js';
import type { Trial } from '../../gen/prunecast/v1/study_types.js';
import { findImprovements, thinImprovements } from './find-improvements.js';
import { listLabels, thinLabels, type LabelContext } from './list-labels.js';

/** What charts show of the trials of a study, and how much of it is left out: however many there are, it fits a message. */
export function chartTrials(
  trials: readonly Trial[],
  { metric, ...context }: Omit<LabelContext, 'metric'> & { readonly metric: Pick<MetricDefinition, 'name' | 'better'> },
): Pick<StudyOverview, 'labels' | 'labelsLeftOut' | 'bestSoFar' | 'bestSoFarLeftOut'> {
  const all = listLabels(trials, { ...context, metric: metric.name });
  const labels = thinLabels(all);
  const improvements = findImprovements(all, metric);
  const bestSoFar = thinImprovements(improvements);
  return {
    labels,
    labelsLeftOut: all.length - labels.length,
    bestSoFar,
    bestSoFarLeftOut: improvements.length - bestSoFar.length,
  };
}
