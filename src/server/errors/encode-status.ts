import type { Logger } from 'pino';
import type { CanonicalCode } from '../../core/errors/codes.js';
import { ofSystem } from '../../core/errors/of-system.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Any } from '../../gen/google/protobuf/any.js';
import { BadRequest, ErrorInfo, QuotaFailure, RetryInfo } from '../../gen/google/rpc/error_details.js';
import type { Status } from '../../gen/google/rpc/status.js';
import { createId } from '../records/create-id.js';

/** The domain of every ErrorInfo. */
export const ERROR_DOMAIN = 'prunecast';

/** The numbers of the canonical codes (google.rpc.Code). */
export const CODE_NUMBERS = {
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const satisfies Record<CanonicalCode, number>;

const CODE_NAMES: ReadonlyMap<number, string> = new Map([
  [0, 'OK'],
  ...Object.entries(CODE_NUMBERS).map(([name, code]): [number, string] => [code, name]),
]);

const ERROR_INFO = 'google.rpc.ErrorInfo';
const BAD_REQUEST = 'google.rpc.BadRequest';

/**
 * Limits that keep a status within the 8 KiB of headers that clients in Java accept by default; it travels as text and
 * once more, in base64, with its details.
 */
const MOST_MESSAGE_CHARACTERS = 1000;
const MOST_VIOLATIONS = 10;
const MOST_VALUE_CHARACTERS = 300;
const MOST_METADATA_ENTRIES = 10;

/**
 * An error as callers see it: code, message, ErrorInfo, and BadRequest, QuotaFailure or RetryInfo if there is something
 * to say. An error that is neither a PrunecastError nor a lack of files, threads or memory is a fault of the server: it is logged
 * under an id, and the caller gets INTERNAL with the id and nothing of the cause.
 */
export function encodeStatus(error: unknown, log: Logger): Status {
  const reasoned = error instanceof PrunecastError ? error : ofSystem(error);
  if (reasoned !== undefined) {
    if (reasoned.cause !== undefined) log.info({ err: reasoned, reason: reasoned.reason }, 'refused');
    return statusOf(reasoned);
  }
  const errorId = createId('error');
  log.error({ err: error, error_id: errorId }, 'unexpected error');
  return statusOf(
    new PrunecastError('INTERNAL', `a fault of the server; its log has the cause under ${errorId}`, {
      metadata: { error_id: errorId },
    }),
  );
}

/** The name of a canonical code; 0 is `OK`. */
export function nameCode(code: number): string {
  return CODE_NAMES.get(code) ?? 'UNKNOWN';
}

/** The reason and metadata of a status; `undefined` if it has none. */
export function readErrorInfo({ details }: Status): ErrorInfo | undefined {
  const info = details.find(({ typeUrl }) => typeUrl === `type.googleapis.com/${ERROR_INFO}`);
  return info && ErrorInfo.decode(info.value);
}

/** The fields at fault that a status names; empty if it names none. */
export function readViolations({ details }: Status): { readonly field: string; readonly description: string }[] {
  const packed = details.find(({ typeUrl }) => typeUrl === `type.googleapis.com/${BAD_REQUEST}`);
  if (packed === undefined) return [];
  return BadRequest.decode(packed.value).fieldViolations.map(({ field, description }) => ({ field, description }));
}

function statusOf(error: PrunecastError): Status {
  const details = [
    pack(
      ERROR_INFO,
      ErrorInfo.encode({ reason: error.reason, domain: ERROR_DOMAIN, metadata: trimMetadata(error.metadata) }),
    ),
  ];
  if (error.violations.length > 0) {
    details.push(
      pack(
        BAD_REQUEST,
        BadRequest.encode(
          BadRequest.fromPartial({
            fieldViolations: error.violations.slice(0, MOST_VIOLATIONS).map(({ field, description }) => ({
              field: trim(field, MOST_VALUE_CHARACTERS),
              description: trim(description, MOST_VALUE_CHARACTERS),
              reason: error.reason,
            })),
          }),
        ),
      ),
    );
  }
  if (error.quotas.length > 0) {
    details.push(
      pack(
        'google.rpc.QuotaFailure',
        QuotaFailure.encode(
          QuotaFailure.fromPartial({
            violations: error.quotas.slice(0, MOST_VIOLATIONS).map(({ subject, description, setting, limit }) => ({
              subject: trim(subject, MOST_VALUE_CHARACTERS),
              description: trim(description, MOST_VALUE_CHARACTERS),
              apiService: ERROR_DOMAIN,
              quotaId: setting,
              quotaValue: BigInt(limit),
            })),
          }),
        ),
      ),
    );
  }
  if (error.retryAfterMs !== undefined) {
    const seconds = Math.floor(error.retryAfterMs / 1000);
    details.push(
      pack(
        'google.rpc.RetryInfo',
        RetryInfo.encode({
          retryDelay: { seconds: BigInt(seconds), nanos: Math.round((error.retryAfterMs - seconds * 1000) * 1e6) },
        }),
      ),
    );
  }
  return { code: CODE_NUMBERS[error.code], message: trim(error.message, MOST_MESSAGE_CHARACTERS), details };
}

function pack(type: string, writer: { finish(): Uint8Array }): Any {
  return { typeUrl: `type.googleapis.com/${type}`, value: Buffer.from(writer.finish()) };
}

function trimMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata)
      .slice(0, MOST_METADATA_ENTRIES)
      .map(([key, value]) => [key, trim(value, MOST_VALUE_CHARACTERS)]),
  );
}

function trim(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
