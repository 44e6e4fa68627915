/** The time, passed in so that core and search stay pure. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
}
