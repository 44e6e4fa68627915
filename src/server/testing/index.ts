/**
 * The package's `./server/testing` entry: conformance kits for those who put a store or a queue of their own under a
 * server, and a store in memory for tests.
 */
export type { ConformanceCheck } from './conformance.js';
export { listStoreChecks } from './store-conformance.js';
export type { StoreUnderTest } from './store-checks/records.js';
export { listLabelQueueChecks, type LabelQueueUnderTest, type ScriptedTask } from './label-queue-conformance.js';
export { listJobQueueChecks, type JobQueueUnderTest } from './job-queue-conformance.js';
export { createMemoryStore } from '../adapters/in-memory/memory-store.js';
