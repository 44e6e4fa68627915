import type { EventRecord, HeldJob, JobChange, NewJob } from '../../../core/ports/job-store.js';
import type { Label, LabelKey } from '../../../core/ports/label-store.js';
import type { Store } from '../../../core/ports/store.js';
import type { StudyRecord } from '../../../core/ports/study-store.js';

/** An empty store, opened for one check. */
export interface StoreUnderTest {
  readonly store: Store;
  /**
   * Closes the store and opens it again, as the next server does. Without it, what outlives a server is not checked.
   */
  reopen?(): Promise<Store>;
  close?(): Promise<void>;
}

/** Checks of a store, by what must hold. */
export type StoreChecks = Readonly<Record<string, (opened: StoreUnderTest) => Promise<void>>>;

/** An event that can be told from others by its first byte. */
export function event(change: JobChange, mark = 0, bytes = 1): EventRecord {
  const payload = new Uint8Array(bytes);
  payload[0] = mark;
  return { kind: 'event', payload, change };
}

export const STARTED = event({ to: 'running' });
export const SUCCEEDED = event({ to: 'succeeded', error: undefined });

export function newJob(id: string, given: Partial<NewJob> = {}): NewJob {
  return {
    id,
    kind: 3,
    requestId: '',
    requestDigest: 'd',
    studyId: '',
    labels: {},
    caller: 'anonymous',
    request: undefined,
    createdMs: 5,
    ...given,
  };
}

/** A job that the owner `a` holds until the time 100. */
export function createJob({ jobs }: Store, id = 'job-1', given: Partial<NewJob> = {}): Promise<HeldJob> {
  return jobs.create(newJob(id, given), STARTED, { owner: 'a', untilMs: 100 });
}

export const KEY: LabelKey = {
  checkpointDigest: 'c',
  measurementFingerprint: 'm',
  fidelityDigest: 'f',
  recipeDigest: 'r',
  architectureKey: 'a',
};

export const LABEL: Label = {
  metrics: { perplexity: 12.25, accuracy: Number.NaN, worst: -Infinity },
  items: {
    losses: Float64Array.of(1 / 3, Math.PI, 1e300),
    hits: Float64Array.of(3, 0, 2 ** 29),
    tokens: Float64Array.of(127, 1, 2 ** 30),
  },
  tokensSpent: 384,
};

export function newStudy(id: string): StudyRecord {
  return {
    id,
    jobId: 'job-1',
    model: 'm',
    checkpointDigest: 'c',
    seed: 2 ** 40 + 1,
    request: Uint8Array.of(1, 2),
    plan: { rounds: 1, dimensions: ['a', 'b'] },
    progress: { phase: 1 },
    report: undefined,
    state: 'running',
    createdMs: 5,
  };
}

/** All pages of a list, from the first. */
export async function readPages<Value>(
  list: (pageToken: string) => Promise<{ readonly values: readonly Value[]; readonly nextPageToken: string }>,
): Promise<readonly (readonly Value[])[]> {
  const pages: (readonly Value[])[] = [];
  let pageToken = '';
  do {
    const page = await list(pageToken);
    pages.push(page.values);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return pages;
}
