import type { Metadata, ServerUnaryCall } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import { ANONYMOUS, type CallOrigin, type Identity } from '../../../core/ports/authenticator.js';
import type { Telemetry } from '../../../core/ports/telemetry.js';

/** One call, as interceptors and handlers see it. */
export interface CallContext extends CallOrigin {
  /** The name of the caller's token or certificate; `anonymous` if no authenticator names one. */
  readonly caller: string;
  /** Milliseconds since 1970; Infinity if the caller set no deadline. */
  readonly deadlineMs: number;
  /**
   * Fires when the caller cancels or goes away, at the deadline, and when the server stops. Its reason is a
   * PrunecastError.
   */
  readonly signal: AbortSignal;
  /** Names the method in every line. */
  readonly log: Logger;
  readonly telemetry: Telemetry;
  /** What a stream of a job's events has sent last: it can be gone on with after it. `undefined` for other calls. */
  reached: ReachedEvent | undefined;
  /** Fires the signal, unless it has fired already. */
  end(error: PrunecastError): void;
  /** Says who calls. */
  identify(identity: Identity): void;
}

/** An event that was sent, with its number. */
export interface ReachedEvent {
  readonly jobId: string;
  readonly sequence: number;
}

/** What grpc-js knows of a call. */
export interface CallSource {
  getPeer(): string;
  /** Infinity if there is none. */
  getDeadline(): Date | number;
  /** Of the connection; its certificate was verified. */
  getAuthContext?(): AuthContext;
}

export type AuthContext = ReturnType<ServerUnaryCall<unknown, unknown>['getAuthContext']>;

interface CallParts extends Pick<CallContext, 'method' | 'log' | 'telemetry'> {
  /** `undefined` if gRPC failed before it had read them. */
  readonly metadata: Pick<Metadata, 'get'> | undefined;
}

/**
 * One is made for every call: its own log and the peer only when they are asked for. A class, since getters of an
 * object literal give each object a shape of its own, which the garbage collector pays for.
 */
export class Call implements CallContext {
  readonly method: string;
  readonly telemetry: Telemetry;
  readonly deadlineMs: number;
  reached: ReachedEvent | undefined = undefined;
  readonly #controller = new AbortController();
  readonly #source: CallSource;
  readonly #parts: CallParts;
  #log: Logger | undefined;
  #caller = ANONYMOUS;

  constructor(source: CallSource, parts: CallParts) {
    this.method = parts.method;
    this.telemetry = parts.telemetry;
    this.deadlineMs = Number(source.getDeadline());
    this.#source = source;
    this.#parts = parts;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get peer(): string {
    return this.#source.getPeer();
  }

  get caller(): string {
    return this.#caller;
  }

  get certificateName(): string | undefined {
    const certificate = this.#source.getAuthContext?.().sslPeerCertificate;
    return certificate && nameCertificate(certificate);
  }

  get log(): Logger {
    return (this.#log ??= this.#parts.log.child({ method: this.method }));
  }

  header(name: string): readonly string[] {
    return this.#parts.metadata?.get(name).filter((value) => typeof value === 'string') ?? [];
  }

  end(error: PrunecastError): void {
    this.#controller.abort(error);
  }

  identify({ name }: Identity): void {
    this.#caller = name;
  }
}

/** The common name, or the first alternative name: `DNS:worker-1` is `worker-1`. */
function nameCertificate({
  subject,
  subjectaltname,
}: NonNullable<AuthContext['sslPeerCertificate']>): string | undefined {
  const common = [subject?.CN ?? []].flat()[0];
  return common ?? subjectaltname?.split(', ')[0]?.replace(/^[^:]*:/, '');
}

/** What ends the call of a caller who does not wait for the answer. */
export function describeCancelled(): PrunecastError {
  return new PrunecastError('CANCELLED', 'the caller cancelled the call or went away');
}
