/**
 * Messages of the API as proto JSON has them: 64-bit integers as text, enums by name, and nothing of a field that has
 * its default. Only the fields that the page shows.
 */

/** A count of 64 bits. */
export type Int64 = string;

export type JobState =
  | 'JOB_STATE_QUEUED'
  | 'JOB_STATE_RUNNING'
  | 'JOB_STATE_PAUSED'
  | 'JOB_STATE_SUCCEEDED'
  | 'JOB_STATE_FAILED'
  | 'JOB_STATE_CANCELLED';

export interface Job {
  readonly id: string;
  readonly kind: string;
  readonly state: JobState;
  readonly createTime?: string;
  readonly startTime?: string;
  readonly endTime?: string;
  readonly lastSequence?: Int64;
  readonly queuePlace?: number;
  readonly progress?: JobProgress;
  readonly error?: Status;
  readonly studyId?: string;
  readonly phases?: readonly JobPhase[];
}

export interface JobPhase {
  readonly name: string;
  readonly round?: number;
  readonly state: string;
  readonly done?: Int64;
  readonly total?: Int64;
  readonly unit?: string;
  readonly elapsedSeconds?: number;
}

export interface JobProgress {
  readonly activity?: string;
  readonly done?: Int64;
  readonly total?: Int64;
  readonly unit?: string;
  readonly elapsedSeconds?: number;
  readonly remainingSeconds?: number;
  readonly rate?: number;
  readonly phase?: JobPhase;
  readonly phaseNumber?: number;
  readonly phaseCount?: number;
  /** A share, 0 to 1. */
  readonly overall?: number;
  readonly itemsDone?: Int64;
  readonly itemsTotal?: Int64;
}

export interface Status {
  readonly code?: number;
  readonly message?: string;
}

export interface JobEvent {
  /** Left out in a heartbeat. */
  readonly sequence?: Int64;
  readonly time?: string;
  readonly queued?: { readonly place?: number };
  readonly started?: object;
  readonly progress?: JobProgress;
  readonly evaluation?: Evaluation;
  readonly study?: StudyEvent;
  readonly paused?: { readonly before?: string; readonly ranges?: readonly Range[]; readonly error?: Status };
  readonly heartbeat?: object;
  readonly ended?: JobEnded;
}

export interface JobEnded {
  readonly state: JobState;
  readonly error?: Status;
  readonly prune?: { readonly output?: string; readonly bytes?: Int64 };
  readonly evaluate?: { readonly evaluated?: number; readonly tokensSpent?: Int64 };
  readonly search?: { readonly summary?: string; readonly output?: string };
  readonly samplePairs?: { readonly pairs?: number; readonly tokensSpent?: Int64 };
  readonly predictor?: Predictor;
}

export interface Evaluation {
  readonly index?: number;
  readonly metrics?: Readonly<Record<string, number | string>>;
  readonly tokensSpent?: Int64;
}

export interface StudyEvent {
  readonly studyId: string;
  readonly phase: string;
  readonly phaseStarted?: { readonly round?: number };
  readonly trial?: Trial;
  readonly predictor?: Predictor;
  readonly refined?: { readonly ranges?: readonly Range[] };
  readonly predicted?: {
    readonly predicted?: Int64;
    readonly outOfRange?: Int64;
    readonly finalists?: number;
    readonly bestPredicted?: number | string;
  };
  readonly winner?: { readonly output?: string; readonly recovery?: object };
}

export interface Trial {
  readonly number: number;
  readonly role: string;
  readonly control?: string;
  readonly part: string;
  /** Values that are not finite come as text. */
  readonly metrics?: Readonly<Record<string, number | string>>;
  readonly predicted?: number | string;
  readonly parameters?: Int64;
  readonly tokensSpent?: Int64;
}

export interface Predictor {
  readonly id: string;
  readonly backend: string;
  readonly pairs?: number;
  readonly quality?: readonly { readonly heldOut?: number; readonly kendallTau?: number; readonly r2?: number }[];
}

export interface Range {
  readonly dimension: string;
  readonly oldMinRate?: number;
  readonly oldMaxRate?: number;
  readonly newMinRate?: number;
  readonly newMaxRate?: number;
}

export interface StudySummary {
  readonly id: string;
  readonly jobId?: string;
  readonly model?: string;
  readonly state: JobState;
  readonly createTime?: string;
  readonly trials?: number;
}

/** What GetStudyReport says of a study, as far as it came. */
export interface StudyOverview {
  readonly study: { readonly id: string; readonly model?: string; readonly jobId?: string; readonly trials?: number };
  readonly metric: string;
  readonly higherIsBetter?: boolean;
  readonly labels?: readonly LabelPoint[];
  readonly labelsLeftOut?: number;
  readonly bestSoFar?: readonly BestSoFar[];
  readonly predictedLabels?: readonly PredictedLabel[];
  readonly predictedLabelsLeftOut?: number;
}

export interface LabelPoint {
  readonly number: number;
  readonly role: string;
  readonly part: string;
  readonly value?: number;
  readonly predicted?: number;
  readonly tokensSpent?: Int64;
  readonly withinBudgets?: boolean;
}

export interface BestSoFar {
  readonly part: string;
  readonly tokensSpent?: Int64;
  readonly value: number;
  readonly number: number;
}

export interface PredictedLabel {
  readonly measured: number;
  readonly predicted: number;
  readonly low?: number;
  readonly high?: number;
}
