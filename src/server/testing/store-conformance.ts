import { listChecks, type ConformanceCheck } from './conformance.js';
import { COMMIT_CHECKS } from './store-checks/commit-checks.js';
import { JOB_CHECKS } from './store-checks/job-checks.js';
import { LABEL_CHECKS } from './store-checks/label-checks.js';
import { LEASE_CHECKS } from './store-checks/lease-checks.js';
import { PREDICTOR_CHECKS } from './store-checks/predictor-checks.js';
import type { StoreUnderTest } from './store-checks/records.js';
import { STUDY_CHECKS } from './store-checks/study-checks.js';

/**
 * The conformance kit of stores, for any test runner:
 *
 * ```ts
 * describe('my store', () => {
 *   for (const { name, run } of listStoreChecks(openEmptyStore)) it(name, run);
 * });
 * ```
 */
export function listStoreChecks(open: () => Promise<StoreUnderTest>): readonly ConformanceCheck[] {
  return listChecks(open, {
    ...JOB_CHECKS,
    ...LEASE_CHECKS,
    ...COMMIT_CHECKS,
    ...LABEL_CHECKS,
    ...STUDY_CHECKS,
    ...PREDICTOR_CHECKS,
  });
}
