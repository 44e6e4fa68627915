import type { JobEvent, LabelPoint, StudyOverview, Trial } from './messages.js';

/** A study as far as the page knows it: what the server said last, and the labels of events since. */
export interface LiveStudy {
  /** undefined until the server has said something. */
  readonly overview: StudyOverview | undefined;
  /** The trials of events that are newer than the overview, in the order of their numbers. */
  readonly recent: readonly Trial[];
}

/** A study of which nothing is known. */
export const UNKNOWN_STUDY: LiveStudy = { overview: undefined, recent: [] };

/** The study after an event of its job. */
export function applyEvent(study: LiveStudy, event: JobEvent): LiveStudy {
  const trial = event.study?.trial;
  if (trial === undefined || trial.number <= lastNumber(study)) return study;
  return { ...study, recent: [...study.recent, trial] };
}

/** The study after the server has told it as a whole. */
export function applyOverview(study: LiveStudy, overview: StudyOverview): LiveStudy {
  const known = lastNumber({ overview, recent: [] });
  return { overview, recent: study.recent.filter(({ number }) => number > known) };
}

/**
 * All labels, those of events too: their tokens go on from the last known, and whether they are within the budgets is
 * unknown until the server says so.
 */
export function listLabels({ overview, recent }: LiveStudy): readonly LabelPoint[] {
  if (overview === undefined) return [];
  const known = overview.labels ?? [];
  let tokens = Number(known.at(-1)?.tokensSpent ?? 0);
  const added = recent.map(({ number, role, part, metrics, predicted, tokensSpent = '0' }): LabelPoint => {
    tokens += Number(tokensSpent);
    const value = metrics?.[overview.metric];
    return {
      number,
      role,
      part,
      ...(typeof value === 'number' ? { value } : {}),
      ...(typeof predicted === 'number' ? { predicted } : {}),
      tokensSpent: String(tokens),
    };
  });
  return [...known, ...added];
}

function lastNumber({ overview, recent }: LiveStudy): number {
  return recent.at(-1)?.number ?? overview?.labels?.at(-1)?.number ?? 0;
}
