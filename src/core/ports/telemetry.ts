import type { JobState } from './job-store.js';

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
   * A label was answered.
   *
   * @param outcome whether the store had it, or it was measured, or measured to be no label
   * @param tokens that were run for it; 0 if it was paid for already
   */
  labelAnswered(outcome: 'found' | 'paid' | 'invalid', tokens: number): void;
}

/** Counts nothing: the default. */
export const NO_TELEMETRY: Telemetry = {
  callStarted: () => undefined,
  callEnded: () => undefined,
  jobChanged: () => undefined,
  labelAnswered: () => undefined,
};
