/** What a caller may call: `read` looks, `run` also starts and uploads, `admin` may do everything. */
export type Scope = 'read' | 'run' | 'admin';

/** What is known of a call before its request is looked at. */
export interface CallOrigin {
  /** `prunecast.v1.JobService/GetJob`. */
  readonly method: string;
  /** The caller's address, `127.0.0.1:50312`; `unknown` on a Unix socket. */
  readonly peer: string;
  /**
   * Whom the caller's certificate is of: its common name, or the first of its alternative names if it has none.
   * `undefined` without one that an authority of the settings has signed.
   */
  readonly certificateName: string | undefined;
  /** The values of a header that the caller sent, such as `authorization`; empty if it sent none. */
  header(name: string): readonly string[];
}

/** Who calls. */
export interface Identity {
  /** The name of a token, or of a certificate. */
  readonly name: string;
  /** What the caller may call; everything when undefined. */
  readonly scopes?: readonly Scope[];
}

/** What a caller is called whom no authenticator names. */
export const ANONYMOUS = 'anonymous';

/** Decides who may call, and says who does. */
export interface Authenticator {
  /**
   * Called before the handler of each call, health and reflection included.
   *
   * @returns who calls; nothing for a caller without a name, who may call everything
   * @throws PrunecastError UNAUTHENTICATED or PERMISSION_DENIED to refuse the call
   */
  check(call: CallOrigin): Identity | undefined | void | Promise<Identity | undefined | void>;
}
