import { canonicalJson } from '../../core/canonical-json.js';
import { JobState } from '../../gen/prunecast/v1/job.js';
import type { StudyRecords } from '../records/study-records.js';
import type { SearchPlan } from '../requests/plan-search.js';

/** Newest studies that are looked at: a plan must not take long because a server has thousands. */
const MOST_EARLIER = 100;

/**
 * How many trials of a study are known before it begins, counted from its first: those of an earlier study with the same
 * settings, as the same settings and labels lead to the same trials. Infinity if one has ended well: all are known.
 *
 * Of other settings single labels may be known too. Which, only the scores, fits and candidates of the study will tell.
 */
export async function countKnownTrials(
  studies: Pick<StudyRecords, 'find' | 'list'>,
  document: SearchPlan,
): Promise<number> {
  const wanted = describeCourse(document);
  const { values } = await studies.list({ pageSize: MOST_EARLIER, pageToken: '' });
  let most = 0;
  for (const { id, checkpointDigest, state, trials } of values) {
    const known = state === JobState.SUCCEEDED ? Infinity : trials;
    if (checkpointDigest !== document.model.checkpointDigest || known <= most) continue;
    const earlier = await studies.find(id);
    if (earlier !== undefined && describeCourse(earlier.plan) === wanted) most = known;
  }
  return most;
}

/**
 * All of a stored plan that decides what a study measures: not how the model is called, nor how its winner is finished.
 * A plan of another kind or version has another text.
 */
function describeCourse(plan: unknown): string {
  const {
    model,
    exporter: _written,
    exports: _forms,
    recovery: _trained,
    ...rest
  } = (plan ?? {}) as Partial<SearchPlan>;
  return canonicalJson({ ...rest, model: model?.checkpointDigest ?? '' });
}
