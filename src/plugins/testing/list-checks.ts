import type { Plugin } from '../../core/ports/plugin-entry.js';
import { listCompensationChecks } from './compensation-conformance.js';
import type { ConformanceCheck } from './conformance-check.js';
import { listCriterionChecks } from './criterion-conformance.js';
import { listEvaluatorChecks, type EvaluatorConformance } from './evaluator-conformance.js';
import { listExporterChecks, type ExporterConformance } from './exporter-conformance.js';
import { listModelCriterionChecks, type ModelCriterionConformance } from './model-criterion-conformance.js';
import { listPredictorChecks, type PredictorConformance } from './predictor-conformance.js';
import { listRecoveryChecks } from './recovery-conformance.js';
import { listStrategyChecks } from './strategy-conformance.js';

/** What the kits of all kinds can be told; each takes what is for its kind. */
export type PluginConformance = ModelCriterionConformance &
  PredictorConformance &
  EvaluatorConformance &
  ExporterConformance;

/**
 * The conformance kit for a plug-in of any kind, for any test runner:
 *
 * ```ts
 * describe('my-plugin', () => {
 *   for (const { name, run } of listChecks(myPlugin)) it(name, run);
 * });
 * ```
 */
export function listChecks(plugin: Plugin, settings: PluginConformance = {}): readonly ConformanceCheck[] {
  switch (plugin.kind) {
    case 'criterion':
      return plugin.scoreModel === undefined
        ? listCriterionChecks(plugin, settings)
        : listModelCriterionChecks(plugin, settings);
    case 'compensation':
      return listCompensationChecks(plugin, settings);
    case 'evaluator':
      return listEvaluatorChecks(plugin, settings);
    case 'predictor':
      return listPredictorChecks(plugin, settings);
    case 'strategy':
      return listStrategyChecks(plugin, settings);
    case 'exporter':
      return listExporterChecks(plugin, settings);
    case 'recovery':
      return listRecoveryChecks(plugin, settings);
  }
}
