import { Metadata, type StatusObject } from '@grpc/grpc-js';
import { Status } from '../../gen/google/rpc/status.js';
import { CALL_ID_HEADER } from './interceptors/call-id.js';

/**
 * A google.rpc.Status as grpc-js ends a call with it: the whole of it travels in `grpc-status-details-bin`.
 *
 * @param callId what the call is named by in the log
 */
export function toStatusObject(status: Status, callId: string): StatusObject {
  const metadata = toTrailers(callId);
  metadata.set('grpc-status-details-bin', Buffer.from(Status.encode(status).finish()));
  return { code: status.code, details: status.message, metadata };
}

/** What every call ends with. */
export function toTrailers(callId: string): Metadata {
  const metadata = new Metadata();
  metadata.set(CALL_ID_HEADER, callId);
  return metadata;
}
