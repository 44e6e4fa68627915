import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { readStored } from '../../core/errors/read-stored.js';
import { nameColumns } from '../../core/features/recipe-columns.js';
import type { Predictor } from '../../gen/prunecast/v1/predictor_types.js';
import type { FittedRecord } from '../records/predictor-records.js';
import { isChooser, type PluginLookup } from '../requests/plugin-lookup.js';
import { describeModule, type HostedPredictor, type PredictorModule } from './predictor-host.js';
import { decodeStoredModel } from './stored-model.js';
import { loadWidened } from './widened-predictor.js';

/** A stored predictor with its models loaded. */
export interface OpenPredictor {
  readonly predictor: Predictor;
  /** The model of the first metric. */
  readonly fitted: HostedPredictor;
  /** In the order of the predictor's metrics; at least one. */
  readonly metrics: readonly OpenMetric[];
}

/** The model of one metric. */
export interface OpenMetric {
  readonly metric: string;
  readonly fitted: HostedPredictor;
  /** Label minus prediction on pairs that it was not fitted on, on the scale of the fit; empty if there were none. */
  readonly residuals: Float64Array;
}

/** The model of one of a predictor's metrics. Throws RangeError for another metric. */
export function modelOf({ predictor: { id }, metrics }: OpenPredictor, metric: string): HostedPredictor {
  const open = metrics.find((candidate) => candidate.metric === metric);
  if (open === undefined) throw new RangeError(`the predictor ${id} does not predict ${metric}`);
  return open.fitted;
}

/**
 * Loads the models of a stored predictor, whichever version stored it.
 *
 * @param residuals metric by metric
 * @throws PrunecastError PLUGIN_NOT_FOUND, PREDICTOR_FAILED, those of plug-ins, or the signal's reason
 */
export async function openRecord(
  plugins: PluginLookup,
  { predictor, model }: FittedRecord,
  residuals: Float64Array,
  signal: AbortSignal,
): Promise<OpenPredictor> {
  const { id: predictorId, metrics, backend, metricBackends } = predictor;
  // A predictor of an earlier version has one metric, and holds its backend's bytes as they are.
  const backends = metricBackends.length === 0 ? [backend] : metricBackends;
  const { models, tables } =
    metricBackends.length === 0
      ? { models: [model], tables: [] }
      : readStored(`the model of the predictor ${predictorId}`, () => decodeStoredModel(model));
  // Earlier versions did not distinguish recipes.
  const dimensions =
    metricBackends.length === 0 ? predictor.dimensions : nameColumns(predictor.dimensions, predictor.recipeDigests);
  const share = residuals.length / metrics.length;
  const opened: OpenMetric[] = [];
  for (const [index, metric] of metrics.entries()) {
    const module = findModule(plugins, predictorId, backends[index] ?? backend);
    const fitted = await loadWidened(module, models[index] ?? new Uint8Array(0), { dimensions, tables }, signal);
    opened.push({ metric, fitted, residuals: residuals.slice(index * share, (index + 1) * share) });
  }
  const [first] = opened;
  if (first === undefined)
    throw new PrunecastError('PREDICTOR_FAILED', `the predictor ${predictorId} has no metric: fit it again`, {
      metadata: { predictor_id: predictorId },
    });
  return { predictor, fitted: first.fitted, metrics: opened };
}

/** Ends the workers of all its models. */
export async function closeAll({ metrics }: OpenPredictor): Promise<void> {
  await Promise.all(metrics.map(({ fitted }) => fitted.close()));
}

/** The plug-in that fitted a stored predictor. Throws PLUGIN_NOT_FOUND. */
function findModule(plugins: PluginLookup, predictorId: string, backend: string): PredictorModule {
  const entry = plugins.all('predictor').find(({ plugin }) => plugin.id === backend);
  if (entry !== undefined && !isChooser(entry.plugin))
    return describeModule(entry.plugin, { moduleUrl: entry.moduleUrl, options: undefined });
  throw new PrunecastError(
    'PLUGIN_NOT_FOUND',
    `the predictor ${predictorId} was fitted by "${backend}", which this server does not have`,
    { metadata: { kind: 'predictor', id: backend } },
  );
}
