import type { Logger } from 'pino';

/** What every call needs of the server it came to. */
export interface CallContext {
  readonly log: Logger;
  /** Fires when the server stops; open streams end with its reason. */
  readonly stopping: AbortSignal;
}

/** A handler that still has to be told its server; `addService` does so. */
export type Served<Handler> = (context: CallContext) => Handler;
