import { describeModelMeasurement } from '../core/measurement.js';
import type { Evaluation, ItemColumns, MetricDefinition } from '../core/metric.js';
import type { ModelEvaluator } from '../core/ports/evaluator.js';
import { pluginInvalid, type PluginCall } from '../core/ports/plugin-errors.js';
import {
  Better,
  EvaluatorServiceService,
  Scale,
  type EvaluateResponse,
  type EvaluatorInfo,
  type MetricInfo,
} from '../gen/prunecast/plugin/v1/plugin.js';
import { readFloat64 } from './little-endian.js';
import type { RemoteManifest } from './remote-manifest.js';
import type { RemoteProcess } from './remote-process.js';

const DEFAULT_EXPORTER = 'hf';

/** An evaluator of another process: it measures each architecture as a checkpoint on disk. */
export function createRemoteEvaluator(
  manifest: RemoteManifest,
  info: EvaluatorInfo,
  remote: RemoteProcess,
): ModelEvaluator {
  const { id } = manifest;
  const { workMs } = remote.target.limits;
  const call: PluginCall = { kind: 'evaluator', id, method: 'reduce' };
  return {
    ...manifest,
    kind: 'evaluator',
    reads: 'nothing',
    runsIn: 'inline', // this process only waits
    metrics: info.metrics.map(readMetric),
    plan: (_model, options) => ({
      sequences: [],
      observe: { checkpoint: { exporter: info.exporter || DEFAULT_EXPORTER, options: info.exporterOptions ?? {} } },
      measurement: describeModelMeasurement({ id, options }),
      fidelity: { tokens: 0, items: [], precision: 'float32' },
    }),
    reduce: async ({ checkpoint, architecture }, _plan, options, { signal }) => {
      if (checkpoint === undefined) throw new RangeError('an observation without the checkpoint that was asked for');
      const request = {
        id,
        options: options as Record<string, unknown>,
        checkpointFolder: checkpoint.directory,
        modelDigest: checkpoint.sourceDigest,
        layers: architecture.map((layer) => ({ ...layer })),
      };
      const ask = (): Promise<EvaluateResponse> =>
        remote.askOnce(call, EvaluatorServiceService.evaluate, [request], { limitMs: workMs, signal });
      return readEvaluation(call, await remote.run(call, ask, { signal }));
    },
  };
}

function readMetric({ name, better, scale, mean, summary }: MetricInfo): MetricDefinition {
  if (better !== Better.LOWER && better !== Better.HIGHER)
    throw new TypeError(`the metric "${name}" does not say whether lower or higher is better`);
  return {
    name,
    better: better === Better.LOWER ? 'lower' : 'higher',
    scale: scale === Scale.LOG ? 'log' : 'linear',
    ...(mean !== undefined && { mean: { of: mean.of, per: mean.per } }),
    summary,
  };
}

/** That all metrics are there, and all columns equally long, is checked of every plug-in. */
function readEvaluation(call: PluginCall, { metrics, items }: EvaluateResponse): Evaluation {
  const bad = Object.entries(metrics).find(([, value]) => !Number.isFinite(value));
  if (bad !== undefined) throw pluginInvalid(call, `gave ${bad[1]} as ${bad[0]}; a finite number is needed`);
  const columns: ItemColumns = Object.fromEntries(
    items.map(({ name, values }) => {
      const column = readFloat64(values);
      if (column?.every(Number.isFinite) === true) return [name, column];
      throw pluginInvalid(call, `gave items whose ${name} are no finite float64 numbers`);
    }),
  );
  return { metrics: { ...metrics }, items: columns };
}
