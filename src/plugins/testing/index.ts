/**
 * The package's `./plugin/testing` entry: conformance kits that authors run over their plug-ins, with any test runner.
 */
export type { ConformanceCheck, ConformanceSettings } from './conformance-check.js';
export { listChecks, type PluginConformance } from './list-checks.js';
export { listCompensationChecks } from './compensation-conformance.js';
export { listCriterionChecks } from './criterion-conformance.js';
export { listEvaluatorChecks, type EvaluatorConformance } from './evaluator-conformance.js';
export { listExporterChecks, type ExporterConformance } from './exporter-conformance.js';
export { listModelCriterionChecks, type ModelCriterionConformance } from './model-criterion-conformance.js';
export { listPredictorChecks, type PredictorConformance } from './predictor-conformance.js';
export { listRecoveryChecks } from './recovery-conformance.js';
export { listStrategyChecks } from './strategy-conformance.js';
