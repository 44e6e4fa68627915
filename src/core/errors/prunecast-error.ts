import type { CanonicalCode } from './codes.js';
import { REASONS, type Reason } from './reasons.js';

/**
 * One field at fault: `field` is its path in the request (`predictor.options.depth`), `description` says what is
 * allowed.
 */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/** A limit that is reached. */
export interface QuotaViolation {
  /** Whose limit it is: `caller:team-a`. */
  readonly subject: string;
  readonly description: string;
  /** The setting that has the limit. */
  readonly setting: string;
  readonly limit: number;
}

export interface ErrorDetails {
  /** Facts a program can act on; names in snake_case. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The fields at fault, for errors of the request. */
  readonly violations?: readonly FieldViolation[];
  /** The limits that are reached, for errors of overload. */
  readonly quotas?: readonly QuotaViolation[];
  /** How long a caller should wait before it tries again. */
  readonly retryAfterMs?: number;
  /** What led to this; logged, never sent to a caller. */
  readonly cause?: unknown;
}

/**
 * The one error class. `message` is public: what was given, what is allowed, what to do. `cause` is for the log alone.
 */
export class PrunecastError extends Error {
  readonly reason: Reason;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  readonly quotas: readonly QuotaViolation[];
  readonly retryAfterMs: number | undefined;

  constructor(reason: Reason, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'PrunecastError';
    this.reason = reason;
    this.metadata = details.metadata ?? {};
    this.violations = details.violations ?? [];
    this.quotas = details.quotas ?? [];
    this.retryAfterMs = details.retryAfterMs;
  }

  /** The canonical code of the reason. */
  get code(): CanonicalCode {
    return REASONS[this.reason].code;
  }

  /** An error of one field of the request: the violation's description is also the message. */
  static ofField(field: string, description: string, reason: Reason = 'INVALID_REQUEST'): PrunecastError {
    return new PrunecastError(reason, `${field}: ${description}`, { violations: [{ field, description }] });
  }
}
