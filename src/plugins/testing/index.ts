/** Conformance kits that authors of plug-ins run in their own tests. */
export { listPredictorChecks, type ConformanceCheck, type PredictorConformance } from './predictor-conformance.js';
