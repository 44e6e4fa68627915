import type { Timestamp } from '../../gen/google/protobuf/timestamp.js';

/** A protobuf timestamp, to the millisecond. */
export function toTimestamp(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) };
}
