import { Metadata, type StatusObject } from '@grpc/grpc-js';
import { Status } from '../../gen/google/rpc/status.js';

/** A google.rpc.Status as grpc-js ends a call with it: the whole of it travels in `grpc-status-details-bin`. */
export function toStatusObject(status: Status): StatusObject {
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(Status.encode(status).finish()));
  return { code: status.code, details: status.message, metadata };
}
