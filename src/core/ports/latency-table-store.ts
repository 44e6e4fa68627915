import type { LatencyTable } from '../budget/latency-table.js';

/**
 * Measured latencies, kept over restarts: each table is measured once. Several servers may share one; of two tables
 * under one key either may stay.
 */
export interface LatencyTableStore {
  /** `undefined` if there is none, or it is damaged. */
  get(key: string): Promise<LatencyTable | undefined>;
  /** @param key a digest of all that the table depends on, in hex */
  put(key: string, table: LatencyTable): Promise<void>;
}
