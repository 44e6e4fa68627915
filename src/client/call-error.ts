import { status, type ServiceError } from '@grpc/grpc-js';
import type { FieldViolation } from '../core/errors/prunecast-error.js';
import type { Reason } from '../core/errors/reasons.js';
import { BadRequest, ErrorInfo, QuotaFailure, RetryInfo } from '../gen/google/rpc/error_details.js';
import { Status } from '../gen/google/rpc/status.js';

/** A gRPC code by name: `NOT_FOUND`, `UNAVAILABLE`, ... */
export type StatusName = Exclude<keyof typeof status, 'OK'>;

/**
 * What an error is about, to match on: one of the table of reasons, one that a later server has, or none (`''`) where no
 * Prunecast server answered.
 */
export type ErrorReason = Reason | '' | (string & Record<never, never>);

/** A limit that a call went beyond. */
export interface QuotaViolation {
  /** Whose limit it is. */
  readonly subject: string;
  /** What the limit is, and what to do. */
  readonly description: string;
}

interface CallErrorParts {
  readonly code: StatusName;
  readonly reason?: ErrorReason;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly FieldViolation[];
  readonly quotas?: readonly QuotaViolation[];
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** What a call or a job failed with: the server's `PrunecastError` as it came over the wire. */
export class CallError extends Error {
  readonly code: StatusName;
  /**
   * A key of the table of reasons (`MODEL_NOT_FOUND`); empty if no Prunecast server answered, as with a lost
   * connection.
   */
  readonly reason: ErrorReason;
  /** Facts that a program can act on. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields at fault, with their path in the request. */
  readonly violations: readonly FieldViolation[];
  /** The limits that were gone beyond. */
  readonly quotas: readonly QuotaViolation[];
  /** How long to wait before another try; undefined if the server did not say. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, parts: CallErrorParts) {
    super(message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = 'CallError';
    this.code = parts.code;
    this.reason = parts.reason ?? '';
    this.metadata = parts.metadata ?? {};
    this.violations = parts.violations ?? [];
    this.quotas = parts.quotas ?? [];
    this.retryAfterMs = parts.retryAfterMs;
  }

  /**
   * Whatever a call threw, as a CallError: one stays as it is; an error of grpc-js is read with its
   * `grpc-status-details-bin`; anything else becomes UNKNOWN with its own message, and is the cause.
   */
  static from(error: unknown): CallError {
    if (error instanceof CallError) return error;
    if (!isServiceError(error)) {
      return new CallError(error instanceof Error ? error.message : String(error), { code: 'UNKNOWN', cause: error });
    }
    const [details] = error.metadata.get('grpc-status-details-bin');
    const known = details instanceof Uint8Array ? decodeDetails(Status.decode(details)) : {};
    return new CallError(error.details.replace(EMPTY_NOTE, ''), { ...known, code: nameCode(error.code), cause: error });
  }

  /** The error of a job that failed or was cancelled, as its terminal event carries it. */
  static fromStatus(value: Status): CallError {
    return new CallError(value.message, { ...decodeDetails(value), code: nameCode(value.code) });
  }
}

/** What grpc-js appends to the reason of a lost connection although it has nothing to say of the address. */
const EMPTY_NOTE = /\.? Resolution note: *$/;

type Details = Omit<CallErrorParts, 'code' | 'cause'>;

function decodeDetails({ details }: Status): Details {
  return Object.assign(
    {},
    ...details.map(({ typeUrl, value }) => DETAIL_READERS[typeUrl.slice(typeUrl.lastIndexOf('/') + 1)]?.(value)),
  ) as Details;
}

const DETAIL_READERS: Readonly<Record<string, (value: Uint8Array) => Details>> = {
  'google.rpc.ErrorInfo': (value) => {
    const { reason, metadata } = ErrorInfo.decode(value);
    return { reason, metadata };
  },
  'google.rpc.BadRequest': (value) => ({
    violations: BadRequest.decode(value).fieldViolations.map(({ field, description }) => ({ field, description })),
  }),
  'google.rpc.QuotaFailure': (value) => ({
    quotas: QuotaFailure.decode(value).violations.map(({ subject, description }) => ({ subject, description })),
  }),
  'google.rpc.RetryInfo': (value) => {
    const { retryDelay } = RetryInfo.decode(value);
    return retryDelay === undefined ? {} : { retryAfterMs: Number(retryDelay.seconds) * 1000 + retryDelay.nanos / 1e6 };
  },
};

/**
 * When the server wants the call to be made again (gRFC A6): milliseconds, `never`, or undefined if it does not say. What
 * cannot be read as a number of milliseconds means never, as in all gRPC clients.
 */
export function readPushback({ cause }: CallError): number | 'never' | undefined {
  if (!isServiceError(cause)) return undefined;
  const [value] = cause.metadata.get('grpc-retry-pushback-ms');
  if (value === undefined) return undefined;
  return /^\d{1,10}$/.test(String(value)) ? Number(value) : 'never';
}

function isServiceError(error: unknown): error is ServiceError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'number' &&
    'metadata' in error &&
    'details' in error
  );
}

function nameCode(code: number): StatusName {
  const name = status[code];
  return name === undefined || name === 'OK' ? 'UNKNOWN' : (name as StatusName);
}
