import { status, type ServiceError } from '@grpc/grpc-js';
import { PrunecastError, type FieldViolation } from '../core/errors/prunecast-error.js';
import { pluginFailed, pluginInvalid, type PluginCall } from '../core/ports/plugin-errors.js';
import { BadRequest } from '../gen/google/rpc/error_details.js';
import { Status } from '../gen/google/rpc/status.js';
import { MAX_MESSAGE_BYTES } from './channel.js';

/** Whether an error is one that gRPC reports of a call. */
export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
}

/** The name of a status, such as UNAVAILABLE. */
export function nameStatus({ code }: ServiceError): keyof typeof status {
  return status[code] as keyof typeof status;
}

/** Whether the same call may succeed if it is made again. */
export function isTemporary(error: unknown): error is ServiceError {
  return isServiceError(error) && TEMPORARY.has(error.code) && !isTooLarge(error);
}

/**
 * The status of a failed call as the error of a plug-in: INVALID_OPTIONS with the options at fault for INVALID_ARGUMENT,
 * PLUGIN_INVALID for a message that is too large, PLUGIN_FAILED for everything else. What is no status stays as it is.
 */
export function fromStatus(error: unknown, call: PluginCall, address: string): unknown {
  if (!isServiceError(error)) return error;
  if (error.code === status.INVALID_ARGUMENT) return invalidOptions(error, call);
  if (isTooLarge(error))
    return pluginInvalid(call, `answered with a message of more than ${MAX_MESSAGE_BYTES} bytes (${address})`);
  if (error.code === status.DEADLINE_EXCEEDED)
    return pluginFailed(call, `it did not answer in time (${address}: ${error.details})`);
  return pluginFailed(call, `${error.details || 'no message'} (${status[error.code]}, ${address})`);
}

const TEMPORARY: ReadonlySet<status> = new Set([status.UNAVAILABLE, status.ABORTED, status.RESOURCE_EXHAUSTED]);

/** How grpc-js reports a message that it did not take; a process that has too much to do has the same code. */
function isTooLarge({ code, details }: ServiceError): boolean {
  return code === status.RESOURCE_EXHAUSTED && /message larger than max/i.test(details);
}

function invalidOptions(error: ServiceError, { kind, id }: PluginCall): PrunecastError {
  const violations = readViolations(error).map(({ field, description }) => ({
    field: `${kind}.options${field === '' ? '' : `.${field}`}`,
    description,
  }));
  return new PrunecastError('INVALID_OPTIONS', `options of ${kind} "${id}": ${error.details}`, {
    metadata: { kind, id },
    violations:
      violations.length > 0 ? violations : [{ field: `${kind}.options`, description: error.details || 'refused' }],
    cause: error,
  });
}

function readViolations({ metadata }: ServiceError): readonly FieldViolation[] {
  const [bytes] = metadata.get('grpc-status-details-bin');
  if (!(bytes instanceof Uint8Array)) return [];
  try {
    return Status.decode(bytes)
      .details.filter(({ typeUrl }) => typeUrl.endsWith('/google.rpc.BadRequest'))
      .flatMap(({ value }) => BadRequest.decode(value).fieldViolations);
  } catch {
    return []; // no details that can be read: the message alone
  }
}
