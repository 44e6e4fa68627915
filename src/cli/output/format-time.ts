import type { Timestamp } from '../../gen/google/protobuf/timestamp.js';

/** A point in time to the second, in UTC: `2026-03-01T09:30:00Z`; empty if it is not set. */
export function formatTime(time: Timestamp | undefined): string {
  return time === undefined ? '' : new Date(Number(time.seconds) * 1000).toISOString().replace('.000', '');
}
