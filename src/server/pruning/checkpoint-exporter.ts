import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { architectureKey } from '../../core/model/architecture-key.js';
import type { Architecture, ModelShape } from '../../core/model/shape.js';
import type { CheckpointRequest, EvaluationPlan } from '../../core/ports/evaluator.js';
import type { PluginEntry } from '../../core/ports/plugin-entry.js';
import type { Checkpoint } from '../../engine/checkpoint/checkpoint.js';
import { describeSource, requireExportable } from '../models/require-exportable.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';

/** The exporters of a server. */
export type Exporters = Pick<PluginLookup, 'all'>;

/** The exporter of an evaluator's checkpoints. Throws PLUGIN_NOT_FOUND. */
export function findExporter(exporters: Exporters, { exporter: id }: CheckpointRequest): PluginEntry<'exporter'> {
  const entry = exporters.all('exporter').find(({ plugin }) => plugin.id === id);
  if (entry === undefined)
    throw new PrunecastError('PLUGIN_NOT_FOUND', `no exporter has the id "${id}"`, {
      metadata: { kind: 'exporter', id },
    });
  return entry;
}

/**
 * Refuses a checkpoint of which the exporter of an evaluator's checkpoints can write nothing.
 *
 * @param field the evaluator's path in the request
 * @throws PrunecastError EXPORT_UNSUPPORTED
 */
export async function requireSource(
  exporters: Exporters,
  asked: CheckpointRequest,
  checkpoint: Checkpoint,
  field: string,
): Promise<void> {
  await requireExportable(findExporter(exporters, asked).plugin, asked.options, describeSource(checkpoint), field);
}

/**
 * Refuses an architecture that the exporter of an evaluator's checkpoints cannot write.
 *
 * @param addsBias whether the compensation of its recipe may add biases to what it prunes
 * @throws PrunecastError EXPORT_UNSUPPORTED
 */
export function requireWritable(
  exporters: Exporters,
  asked: CheckpointRequest,
  { shape, architecture }: { readonly shape: ModelShape; readonly architecture: Architecture },
  addsBias: boolean,
): void {
  const { plugin } = findExporter(exporters, asked);
  const isBiased = addsBias && architectureKey(architecture) !== architectureKey(shape.layers);
  const supported = plugin.supports(shape, architecture, isBiased ? 'added' : 'none', asked.options);
  if (supported.ok) return;
  const others = isBiased ? 'a compensation that adds no biases, ' : '';
  throw new PrunecastError(
    'EXPORT_UNSUPPORTED',
    `the evaluator measures checkpoints of the exporter "${plugin.id}", which cannot write an architecture that is asked for: ${supported.reason}. Take another exporter or other options of it in the evaluator, ${others}or architectures that it can write`,
    { metadata: { exporter: plugin.id } },
  );
}

/** The checkpoints that measurements ask for of each architecture. */
export function listCheckpoints(plans: readonly Pick<EvaluationPlan, 'observe'>[]): CheckpointRequest[] {
  return plans.flatMap(({ observe }) => observe?.checkpoint ?? []);
}
