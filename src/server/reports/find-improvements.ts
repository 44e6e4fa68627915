import type { MetricDefinition } from '../../core/metric.js';
import type { BestSoFar, LabelPoint } from '../../gen/prunecast/v1/study.js';
import { selectEvenly } from './select-evenly.js';
import { TextPart, TrialRole } from '../../gen/prunecast/v1/study_types.js';

/**
 * The labels that were better than all before on the same windows, among those within the budgets: what a search had
 * to show after so many tokens. Controls and the unpruned model are no results of the search.
 */
export function findImprovements(
  labels: readonly LabelPoint[],
  { better }: Pick<MetricDefinition, 'better'>,
): BestSoFar[] {
  const found: BestSoFar[] = [];
  for (const part of [TextPart.SEARCH, TextPart.VERIFY]) {
    const ofPart = labels.filter((label) => label.part === part && RESULTS.has(label.role) && label.withinBudgets);
    // With several fidelities only the last one decides, and values of different ones do not compare.
    const fidelity = ofPart.at(-1)?.fidelityDigest;
    let best: number | undefined;
    for (const { value, fidelityDigest, tokensSpent, number } of ofPart) {
      if (value === undefined || fidelityDigest !== fidelity) continue;
      if (best !== undefined && (better === 'lower' ? value >= best : value <= best)) continue;
      best = value;
      found.push({ part, tokensSpent, value, number });
    }
  }
  return found;
}

/** The most changes of one part that a report shows: a curve of more looks the same. */
export const MOST_SHOWN_CHANGES = 1000;

/** At most `MOST_SHOWN_CHANGES` of each part, evenly spread, its first and last among them. */
export function thinImprovements(found: readonly BestSoFar[]): BestSoFar[] {
  return [TextPart.SEARCH, TextPart.VERIFY].flatMap((part) =>
    selectEvenly(
      found.filter((best) => best.part === part),
      MOST_SHOWN_CHANGES,
    ),
  );
}

const RESULTS: ReadonlySet<TrialRole> = new Set([TrialRole.PAIR, TrialRole.FINALIST, TrialRole.WINNER]);
