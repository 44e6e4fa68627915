import type { Logger } from 'pino';
import type { EncodeAnswer } from './encode-answer.js';

/** What every call needs of the server it came to. */
export interface CallContext {
  readonly log: Logger;
  /** Fires when the server stops; open streams end with its reason. */
  readonly stopping: AbortSignal;
}

/** The same, and what is of one method. */
export interface MethodContext extends CallContext {
  /** Every answer passes here on its way to gRPC. */
  readonly encode: EncodeAnswer;
}

/** A handler that still has to be told its server and method; `addService` does so. */
export type Served<Handler> = (context: MethodContext) => Handler;
