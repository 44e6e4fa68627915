import { canonicalJson } from '../../core/canonical-json.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';

/** One value that differs between two plans. */
export interface PlanDifference {
  /** Its path: `recipes.compared[0].oneShot.compensation.version`. */
  readonly field: string;
  /** undefined if there was, or is, no such value. */
  readonly was: unknown;
  readonly is: unknown;
}

/** Lists the differences of two plain values, in the order of the first one's keys. */
export function* listDifferences(was: unknown, is: unknown, field = ''): Generator<PlanDifference> {
  if (!isRecord(was) || !isRecord(is) || Array.isArray(was) !== Array.isArray(is)) {
    if (canonicalJson(was ?? null) !== canonicalJson(is ?? null)) yield { field, was, is };
    return;
  }
  for (const key of new Set([...Object.keys(was), ...Object.keys(is)]))
    yield* listDifferences(was[key], is[key], Array.isArray(was) ? `${field}[${key}]` : join(field, key));
}

/**
 * Refuses to resume a job if its request resolves to something else than when it began: its measurements so far could
 * not be compared with new ones. A job of an earlier version, which stored no plan, passes.
 *
 * @param job its plan as stored
 * @param now the plan that its request resolves to now
 * @throws PrunecastError JOB_NOT_RESUMABLE with the field, what it was, and what it is
 */
export function requireSamePlan(
  job: { readonly jobId: string; readonly plan: unknown } | undefined,
  now: unknown,
): void {
  if (job?.plan === undefined) return;
  const differences = [...listDifferences(job.plan, now)];
  const [first] = differences;
  if (first === undefined) return;
  throw notResumable(job.jobId, first, differences);
}

/** The error for a job whose plan differs; the message names the first difference. */
export function notResumable(
  jobId: string,
  first: PlanDifference,
  differences: readonly PlanDifference[] = [first],
): PrunecastError {
  return new PrunecastError(
    'JOB_NOT_RESUMABLE',
    `${first.field} has changed since the job ${jobId} began: ${describe(first, differences)}. Start another job: labels that are still valid are not paid twice`,
    { ...detail(first, differences), metadata: { job_id: jobId, ...detail(first, differences).metadata } },
  );
}

/**
 * Refuses to measure for a study if the results could not be compared with its labels.
 *
 * @throws PrunecastError STUDY_CHANGED with the field, what it was, and what it is
 */
export function requireSameStudy(studyId: string, was: unknown, is: unknown): void {
  const differences = [...listDifferences(was, is)];
  const [first] = differences;
  if (first === undefined) return;
  throw new PrunecastError(
    'STUDY_CHANGED',
    `${first.field} has changed since the study ${studyId} began: ${describe(first, differences)}. Bring it back, or start another study`,
    { ...detail(first, differences), metadata: { study_id: studyId, ...detail(first, differences).metadata } },
  );
}

function describe({ was, is }: PlanDifference, { length }: readonly PlanDifference[]): string {
  const others = length > 1 ? `, and ${length - 1} more differ` : '';
  return `it was ${show(was)} and is ${show(is)}${others}`;
}

/** The most differences that an error lists. */
const MOST_LISTED = 16;

function detail(first: PlanDifference, differences: readonly PlanDifference[]) {
  return {
    metadata: { field: first.field, was: show(first.was), is: show(first.is) },
    violations: differences
      .slice(0, MOST_LISTED)
      .map(({ field, was, is }) => ({ field, description: `was ${show(was)}, is ${show(is)}` })),
  };
}

/** The longest text of one value in an error. */
const MOST_CHARACTERS = 120;

function show(value: unknown): string {
  if (value === undefined || value === null) return 'not there';
  const text = typeof value === 'string' ? value : canonicalJson(value);
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}

function join(field: string, key: string): string {
  return field === '' ? key : `${field}.${key}`;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
