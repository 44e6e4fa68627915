import type { Metadata, ServerUnaryCall } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import { ANONYMOUS, type CallOrigin, type Identity } from '../../../core/ports/authenticator.js';
import type { JobOrigin } from '../../../core/ports/job-store.js';
import type { Telemetry } from '../../../core/ports/telemetry.js';
import { readSpanIds, readTraceContext, type TraceContext } from '../../../core/trace-context.js';
import { CALL_ID_HEADER, chooseCallId } from './call-id.js';

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
  /** What names the call in log lines: the caller's own id, or one that the server made. */
  readonly callId: string;
  /** The span of the call, or the caller's that it is part of; `undefined` if nobody traces it. */
  trace: TraceContext | undefined;
  /** What a job that the call starts keeps of it. */
  readonly origin: JobOrigin;
  /** Names the call in every line. */
  readonly log: Logger;
  readonly telemetry: Telemetry;
  /** The last event that a stream of a job's events was given to send. `undefined` for other calls. */
  offered: JobPosition | undefined;
  /** The last one that it has sent: it can be gone on with after it. */
  reached: JobPosition | undefined;
  /** The job that the call has started, followed or changed, for the log: one that exists. `undefined` for none. */
  jobId: string | undefined;
  /** What names the call in a line of the log. */
  describe(): CallFacts;
  /** Fires the signal, unless it has fired already. */
  end(error: PrunecastError): void;
  /** Says who calls. */
  identify(identity: Identity): void;
}

/** What log lines of a call have in common. */
export interface CallFacts {
  readonly method: string;
  readonly request_id: string;
  readonly trace_id?: string;
  readonly span_id?: string;
}

/** An event of a job, by its number. */
export interface JobPosition {
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
  offered: JobPosition | undefined = undefined;
  reached: JobPosition | undefined = undefined;
  jobId: string | undefined = undefined;
  readonly callId: string;
  trace: TraceContext | undefined;
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
    this.callId = chooseCallId(this.header(CALL_ID_HEADER)[0]);
    this.trace = readTraceContext((name) => this.header(name));
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

  get origin(): JobOrigin {
    const { callId, trace } = this;
    return trace === undefined ? { callId } : { callId, trace };
  }

  get log(): Logger {
    return (this.#log ??= this.#parts.log.child(this.describe()));
  }

  describe(): CallFacts {
    const ids = this.trace && readSpanIds(this.trace.traceparent);
    return {
      method: this.method,
      request_id: this.callId,
      ...(ids && { trace_id: ids.traceId, span_id: ids.spanId }),
    };
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
