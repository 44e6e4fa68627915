import type { EndedState, JobState } from './job-store.js';

/** Where a server counts what it does. It is told of every call, so each method has to return at once. */
export interface Telemetry {
  /** @param method `prunecast.v1.JobService/GetJob`, or `unknown` for one that the API does not have */
  callStarted(method: string): void;
  /**
   * Follows each `callStarted`.
   *
   * @param code the canonical code that the call ended with, by name: `OK`, `NOT_FOUND`
   * @param ms how long the call took
   */
  callEnded(method: string, code: string, ms: number): void;
  /**
   * A job came into a state.
   *
   * @param kind by name: `SEARCH`
   */
  jobChanged(kind: string, state: JobState): void;
  /**
   * How many jobs of a kind wait and run now.
   *
   * @param kind by name: `SEARCH`
   */
  jobsCounted(kind: string, count: JobCount): void;
  /**
   * A job began to run.
   *
   * @param waitedSeconds in the queue; 0 if it did not wait
   */
  jobStarted(kind: string, waitedSeconds: number): void;
  /** A job that ran has ended, after so many seconds since it was last started. */
  jobEnded(kind: string, state: EndedState, seconds: number): void;
  /**
   * A label was answered.
   *
   * @param outcome whether the store had it, or it was measured, or measured to be no label
   * @param tokens that were run for it; 0 if it was paid for already
   */
  labelAnswered(outcome: 'found' | 'paid' | 'invalid', tokens: number): void;
  /** A trial of a study was measured and stored. */
  trialStored(): void;
  /** Predictors were fitted to the metrics of a set of pairs, or the fit failed. */
  fitEnded(outcome: 'fitted' | 'failed', seconds: number): void;
  /** So many checkpoints are open now. */
  modelsOpen(count: number): void;
}

/** The jobs of one kind on this server. */
export interface JobCount {
  readonly waiting: number;
  readonly running: number;
}

/** Counts nothing: the default. */
export const NO_TELEMETRY: Telemetry = {
  callStarted: () => undefined,
  callEnded: () => undefined,
  jobChanged: () => undefined,
  jobsCounted: () => undefined,
  jobStarted: () => undefined,
  jobEnded: () => undefined,
  labelAnswered: () => undefined,
  trialStored: () => undefined,
  fitEnded: () => undefined,
  modelsOpen: () => undefined,
};
