import type { StudyState } from '../../search/machine.js';
import type { StudyPhase } from '../../search/study/plan.js';

/** Phases of a study that come once a round. The others come once. */
const ROUNDED: ReadonlySet<StudyPhase> = new Set(['sample', 'fit', 'refine', 'search', 'verify']);

/** What an earlier run did in a phase. */
export interface PastVisit {
  readonly seconds: number;
  readonly trials: number;
}

/** A phase of a study as its job names it. */
export function placeOf({ phase, round }: Pick<StudyState, 'phase' | 'round'>): {
  readonly name: string;
  readonly round: number;
} {
  return { name: phase, round: ROUNDED.has(phase) ? round : 0 };
}

/** Tells visits apart. */
export function visitKey(state: Pick<StudyState, 'phase' | 'round'>): string {
  const { name, round } = placeOf(state);
  return `${name}/${round}`;
}
