import type { ServerResponse } from 'node:http';
import type { CanonicalCode } from '../../core/errors/codes.js';
import type { Status } from '../../gen/google/rpc/status.js';
import { nameCode, readErrorInfo, readViolations } from '../errors/encode-status.js';

/** An error as the dashboard's page gets it. */
export interface ErrorBody {
  readonly error: {
    /** A canonical code, `NOT_FOUND`. */
    readonly code: string;
    /** One of the reasons of docs/errors.md. */
    readonly reason: string;
    readonly message: string;
    readonly metadata: Readonly<Record<string, string>>;
    /** The fields of the request at fault. */
    readonly violations: readonly { readonly field: string; readonly description: string }[];
  };
}

/** As google.rpc.Code maps them. */
const HTTP_STATUS: Readonly<Record<CanonicalCode, number>> = {
  CANCELLED: 499,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
};

/** A status of the API as JSON. */
export function describeStatus(status: Status): ErrorBody {
  const { reason = '', metadata = {} } = readErrorInfo(status) ?? {};
  return {
    error: {
      code: nameCode(status.code),
      reason,
      message: status.message,
      metadata,
      violations: readViolations(status),
    },
  };
}

/** Answers with a status of the API. Nothing of the answer may have been sent before. */
export function sendStatus(response: ServerResponse, status: Status): void {
  const code = HTTP_STATUS[nameCode(status.code) as CanonicalCode] ?? 500;
  response.writeHead(code, { 'content-type': 'application/json; charset=utf-8' });
  response.end(`${JSON.stringify(describeStatus(status))}\n`);
}
