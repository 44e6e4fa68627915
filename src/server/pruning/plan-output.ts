import type { Architecture, ModelShape } from '../../core/model/shape.js';
import { measureCost } from '../../core/budget/cost-model.js';
import { createCostModel } from '../../core/budget/cost-spec.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Exporter } from '../../core/ports/exporter.js';
import type { PluginRef, Text } from '../../gen/prunecast/v1/common.js';
import type { RestartedJob } from '../jobs/jobs.js';
import type { OpenModel } from '../models/open-models.js';
import { DEFAULT_PLUGINS } from '../requests/defaults.js';
import type { ResolvedRecipe } from '../requests/recipe.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';
import type { OutputFolders } from '../../core/ports/outputs.js';
import type { TextSource } from '../texts/text-source.js';
import type { OutputPlan } from './output-plan.js';
import { requireExportable } from '../models/require-exportable.js';

export interface OutputServices {
  readonly plugins: PluginLookup;
  readonly outputs: OutputFolders;
  readonly texts: TextSource;
}

/**
 * Where a request's output goes. A job that is run again may find what it wrote before. A plan may omit the output;
 * then the place is not checked. Throws PLUGIN_NOT_FOUND, INVALID_OPTIONS, EXPORT_UNSUPPORTED, and what
 * `OutputFolders.check` throws.
 */
export async function planOutput(
  { plugins, outputs, texts }: OutputServices,
  request: { readonly exporter: PluginRef | undefined; readonly output: string; readonly overwrite: boolean },
  { language }: OpenModel,
  restarted?: RestartedJob,
): Promise<OutputPlan> {
  const { plugin, options, moduleUrl } = plugins.resolve(
    'exporter',
    request.exporter,
    DEFAULT_PLUGINS.exporter,
    'exporter',
  );
  const overwrites = request.overwrite ? 'any' : restarted === undefined ? 'none' : 'own';
  const located = await Promise.all(
    listTextPaths(request).map(async (path) => ({ path: await texts.locate(path), name: `the text ${path}` })),
  );
  const files = located.flatMap(({ path, name }) => (path === undefined ? [] : [{ path, name }]));
  const target = {
    output: request.output,
    reads: [{ path: language.checkpoint.directory, name: 'the model' }, ...files],
  };
  await requireExportable(plugin as Exporter, options, language.checkpoint, 'exporter');
  if (request.output !== '') await outputs.check(target, overwrites === 'none' ? 'refuse' : 'replace');
  return { ...target, overwrites, exporter: plugin as Exporter, exporterOptions: options, exporterUrl: moduleUrl };
}

/** The paths of all texts in a request, wherever they are. */
function listTextPaths(message: object): string[] {
  if (Array.isArray(message) && typeof message[0] !== 'object') return []; // numbers, possibly many
  return Object.entries(message).flatMap(([name, value]: [string, unknown]) => {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return [];
    if (name !== 'source') return listTextPaths(value);
    const { $case, value: path } = value as Partial<NonNullable<Text['source']>>;
    return $case === 'path' && typeof path === 'string' ? [path] : [];
  });
}

/**
 * What loads the output. Throws INVALID_REQUEST if the exporter cannot write it, for example with the biases of the
 * recipe's compensation.
 */
export function findLoaders(
  shape: ModelShape,
  architecture: Architecture,
  { exporter, exporterOptions }: OutputPlan,
  recipe: ResolvedRecipe | undefined,
): readonly string[] {
  const addsBias = recipe?.compensation.plugin.addsBias === true;
  const supported = exporter.supports(shape, architecture, addsBias ? 'added' : 'none', exporterOptions);
  if (supported.ok) return supported.loadsIn;
  throw PrunecastError.ofField('exporter', supported.reason);
}

/** Bytes of an output's weights; the files beside them are small. */
export function countOutputBytes(shape: ModelShape, architecture: Architecture): number {
  return measureCost(createCostModel(shape, { kind: 'weight_bytes' }), architecture);
}

/** Weights are read, cut and written at about this pace. */
const WRITTEN_BYTES_PER_SECOND = 100e6;

/** Seconds that writing so many bytes takes. */
export function timeWriting(bytes: number): number {
  return bytes / WRITTEN_BYTES_PER_SECOND;
}
