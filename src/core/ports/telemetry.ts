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
}
