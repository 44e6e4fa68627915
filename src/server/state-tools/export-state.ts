import type { StoredJobQuery } from '../../core/ports/job-store.js';
import { Job } from '../../gen/prunecast/v1/job.js';
import { Trial } from '../../gen/prunecast/v1/study_types.js';
import { readStored } from '../../core/errors/read-stored.js';
import { readState, type ReadableState } from '../adapters/sqlite/read-state.js';
import { encodeJob } from '../records/job-records.js';

export const EXPORTED = ['jobs', 'labels', 'studies'] as const;
export type Exported = (typeof EXPORTED)[number];

const PAGE_SIZE = 100;

/**
 * Jobs, labels and studies with their trials, each a plain value under its kind: `{"job": …}`, `{"label": …}`,
 * `{"study": …}`, `{"trial": …}`. A page is in memory at a time. A server may write meanwhile.
 */
export async function* exportState(path: string, kinds: readonly Exported[]): AsyncGenerator<object, void, undefined> {
  const state = readState(path);
  try {
    if (kinds.includes('jobs')) yield* exportJobs(state);
    if (kinds.includes('labels'))
      for await (const { metrics, ...label } of state.labels())
        yield { label: { ...label, metrics: Object.fromEntries(Object.entries(metrics).map(toJsonNumber)) } };
    if (kinds.includes('studies')) yield* exportStudies(state);
  } finally {
    await state.close();
  }
}

/** As proto JSON writes numbers that JSON lacks. */
function toJsonNumber([name, value]: [string, number]): [string, number | string] {
  return [name, Number.isFinite(value) ? value : String(value)];
}

async function* exportJobs({ store }: ReadableState): AsyncGenerator<object, void, undefined> {
  const query: Omit<StoredJobQuery, 'pageToken'> = { pageSize: PAGE_SIZE };
  let pageToken = '';
  do {
    const page = await store.jobs.list({ ...query, pageToken });
    for (const job of page.values) yield { job: Job.toJSON(encodeJob(job)) };
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}

async function* exportStudies({ store }: ReadableState): AsyncGenerator<object, void, undefined> {
  let pageToken = '';
  do {
    const page = await store.studies.list({ pageSize: PAGE_SIZE, pageToken });
    for (const entry of page.values) {
      const study = await store.studies.find(entry.id);
      if (study === undefined) continue; // deleted meanwhile
      const { request: _, ...rest } = study;
      yield { study: { ...rest, trials: entry.trials } };
      yield* exportTrials({ store }, entry.id);
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}

async function* exportTrials(
  { store }: Pick<ReadableState, 'store'>,
  studyId: string,
): AsyncGenerator<object, void, undefined> {
  let pageToken = '';
  do {
    const page = await store.studies.listTrials(studyId, { role: undefined, pageSize: PAGE_SIZE, pageToken });
    for (const { number, trial } of page.values)
      yield {
        trial: {
          studyId,
          ...(Trial.toJSON(readStored(`a trial of ${studyId}`, () => Trial.decode(trial))) as object),
          number,
        },
      };
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}
