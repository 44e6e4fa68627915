/** What is known of a call before its request is looked at. */
export interface CallOrigin {
  /** `prunecast.v1.JobService/GetJob`. */
  readonly method: string;
  /** The caller's address, `127.0.0.1:50312`; `unknown` on a Unix socket. */
  readonly peer: string;
  /** The values of a header that the caller sent, such as `authorization`; empty if it sent none. */
  header(name: string): readonly string[];
}

/** Decides who may call. */
export interface Authenticator {
  /**
   * Called before the handler of each call, health and reflection included.
   *
   * @throws PrunecastError UNAUTHENTICATED or PERMISSION_DENIED to refuse the call
   */
  check(call: CallOrigin): void | Promise<void>;
}
