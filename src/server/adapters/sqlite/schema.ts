import type { ColumnType, Generated } from 'kysely';
import type { Blob } from './columns.js';

/** Read as an ArrayBuffer, written as bytes. */
type BlobColumn = ColumnType<Blob, Uint8Array, Uint8Array>;
type OptionalBlobColumn = ColumnType<Blob | null, Uint8Array | null, Uint8Array | null>;

/** The tables of `prunecast.db` as the newest migration leaves them. Times are milliseconds since 1970. */
export interface Schema {
  schema_version: { version: number };
  jobs: JobsTable;
  job_requests: JobRequestsTable;
  events: EventsTable;
  labels: LabelsTable;
  studies: StudiesTable;
  study_events: StudyEventsTable;
  trials: TrialsTable;
  predictors: PredictorsTable;
  pair_sets: PairSetsTable;
  fit_evidence: FitEvidenceTable;
}

interface JobsTable {
  /** Counts up; newest last. */
  number: Generated<number>;
  id: string;
  kind: number;
  state: number;
  /** Null when the caller gave none; unique otherwise. */
  request_id: string | null;
  request_digest: string;
  study_id: string;
  /** JSON: name to value. */
  labels: Generated<string>;
  caller: Generated<string>;
  /** JSON: the call that started it; null in a job of an earlier version, or if it is not known. */
  origin: string | null;
  created_ms: number;
  started_ms: number | null;
  ended_ms: number | null;
  last_sequence: number;
  queue_place: number;
  /** JobProgress. */
  progress: OptionalBlobColumn;
  /** google.rpc.Status. */
  error: OptionalBlobColumn;
  /** A Job that has phases only; null in a job of an earlier version, and before the first event that has some. */
  phases: OptionalBlobColumn;
  /** Empty for none. */
  lease_owner: Generated<string>;
  /** Rises with each taking of the lease; a writer names its own. */
  lease_token: Generated<number>;
  lease_until_ms: Generated<number>;
  /** Starts since the job last got on with its work, paused, or was released. */
  fruitless_starts: Generated<number>;
}

interface JobRequestsTable {
  job_id: string;
  /** The request as it came, by the job's kind. */
  request: BlobColumn;
  /** JSON; null for a job of an earlier version. */
  plan: string | null;
}

interface EventsTable {
  job_id: string;
  sequence: number;
  /** Null in an event of an earlier version, which holds its time itself. */
  time_ms: number | null;
  /** JobEvent; since it has a column for the time, its payload only. */
  event: BlobColumn;
}

interface LabelsTable {
  checkpoint_digest: string;
  measurement_fingerprint: string;
  fidelity_digest: string;
  recipe_digest: string;
  architecture_key: string;
  /** JSON: metric name to number. */
  metrics: string;
  /** JSON: the names of the columns of `items`. */
  columns: string;
  /** float64, [columns, items], row-major. */
  items: BlobColumn;
  tokens_spent: number;
  /** When it was first measured, by the clock of the machine. */
  stored_ms: Generated<number>;
}

interface StudiesTable {
  /** Counts up; newest last. */
  number: Generated<number>;
  id: string;
  job_id: string;
  model: string;
  checkpoint_digest: string;
  seed: number;
  /** SearchRequest; empty for a study of imported pairs. */
  request: BlobColumn;
  /** JSON; null for a study of an earlier version. */
  plan: string;
  /** JSON, by `toJson`. */
  progress: string;
  /** JSON, by `toJson`; null until there is one. */
  report: string | null;
  /** JobState. */
  state: number;
  created_ms: number;
}

interface StudyEventsTable {
  study_id: string;
  number: number;
  /** JSON, by `toJson`. */
  event: string;
  /** How long the step took that ended with it. */
  seconds: Generated<number>;
}

interface TrialsTable {
  study_id: string;
  number: number;
  /** TrialRole. */
  role: number;
  /** Trial. */
  trial: BlobColumn;
}

interface PredictorsTable {
  /** Counts up; newest last. */
  number: Generated<number>;
  id: string;
  study_id: string;
  backend: string;
  created_ms: number;
  /** Predictor. */
  predictor: BlobColumn;
  /** What the backend saved. */
  model: BlobColumn;
}

interface PairSetsTable {
  study_id: string;
  number: number;
  /** PairSet. */
  pair_set: BlobColumn;
}

interface FitEvidenceTable {
  predictor_id: string;
  /** float32, [pairs, dimensions], row-major. */
  rates: BlobColumn;
  /** float64, one per pair, on the scale of the fit. */
  targets: BlobColumn;
  /** float64, one per dimension. */
  importances: BlobColumn;
  /** float64, one per pair: label minus out-of-fold prediction; empty if there was none. */
  residuals: BlobColumn;
}
