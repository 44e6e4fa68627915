/**
 * The package's `./plugin/testing` entry: conformance kits that authors run over their plug-ins, with any test runner.
 */
export type { ConformanceCheck } from './conformance-check.js';
export { listCriterionChecks, type CriterionConformance } from './criterion-conformance.js';
export { listPredictorChecks, type PredictorConformance } from './predictor-conformance.js';
