import { status as codes, type ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { MAX_MESSAGE_BYTES } from '../config/limits.js';
import { describeExpired } from './interceptors/deadline.js';

type LibraryStatus = Parameters<ServerInterceptingCallInterface['sendStatus']>[0];

/**
 * What grpc-js itself ends a call with, as an error with a reason; `undefined` for the statuses that are the server's
 * own.
 *
 * @param method `prunecast.v1.JobService/GetJob`
 */
export function describeLibraryFailure(
  method: string,
  { code, details = '', metadata }: LibraryStatus,
): PrunecastError | undefined {
  if (code === codes.OK || (metadata?.get('grpc-status-details-bin').length ?? 0) > 0) return undefined;
  switch (code) {
    case codes.DEADLINE_EXCEEDED:
      return describeExpired();
    case codes.RESOURCE_EXHAUSTED:
      return new PrunecastError(
        'REQUEST_TOO_LARGE',
        `the request of ${method} is larger than the ${MAX_MESSAGE_BYTES} bytes that a message holds: send less at once`,
        { metadata: { method, most: String(MAX_MESSAGE_BYTES) } },
      );
    case codes.UNIMPLEMENTED:
      return new PrunecastError('NOT_IMPLEMENTED', `${method}: ${details}`, { metadata: { method } });
    default:
      break;
  }
  if (details.includes('decompress'))
    return new PrunecastError(
      'MESSAGE_MALFORMED',
      `the request of ${method} is malformed: it cannot be decompressed; check that it is compressed as its grpc-encoding header says`,
      { metadata: { method } },
    );
  if (details.includes('grpc-timeout'))
    return new PrunecastError('INVALID_REQUEST', `the call of ${method} has no valid deadline: ${details}`, {
      metadata: { method },
    });
  return new PrunecastError('INTERNAL', `gRPC could not continue the call of ${method}: ${details}`, {
    metadata: { method },
  });
}
