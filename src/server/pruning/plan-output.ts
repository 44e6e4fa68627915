import type { Architecture, ModelShape } from '../../core/model/shape.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { identityRanking, selectKeptUnits } from '../../core/model/units.js';
import type { Exporter, PrunedModel } from '../../core/ports/exporter.js';
import type { LanguageModel } from '../../engine/language-model.js';
import { pruneModel } from '../../engine/surgery/prune-model.js';
import type { PluginRef, Text } from '../../gen/prunecast/v1/common.js';
import type { ExportSpec } from '../../gen/prunecast/v1/pruning.js';
import type { RestartedJob } from '../jobs/jobs.js';
import type { OpenModel } from '../models/open-models.js';
import { createId } from '../records/create-id.js';
import { DEFAULT_PLUGINS } from '../requests/defaults.js';
import { planPlugin, type PlannedExporters } from '../requests/plan-document.js';
import type { ResolvedRecipe } from '../requests/recipe.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';
import type { OutputFolders } from '../../core/ports/outputs.js';
import type { TextSource } from '../texts/text-source.js';
import { listOutputNotes } from '../models/list-output-notes.js';
import { describeSource, requireExportable } from '../models/require-exportable.js';
import type { Provenance } from './describe-output.js';
import { listOwnTensors, type ComputedBy } from './list-compensated-tensors.js';
import type { OutputPlan, PlannedExport } from './output-plan.js';
import { countSpooledBytes } from './spool-tensors.js';
import { countFormBytes, listForms } from './written-form.js';
import { planExportedBytes } from './written-shape.js';

export interface OutputServices {
  readonly plugins: PluginLookup;
  readonly outputs: OutputFolders;
  readonly texts: TextSource;
}

/** What a request asks to be written, and where. */
interface AskedOutput {
  readonly exporter: PluginRef | undefined;
  readonly exports: readonly ExportSpec[];
  readonly output: string;
  readonly overwrite: boolean;
}

/**
 * Where a request's output goes. A job that is run again may find what it wrote before. A plan may omit the output;
 * then the place is not checked. Throws PLUGIN_NOT_FOUND, INVALID_OPTIONS, INVALID_REQUEST, EXPORT_UNSUPPORTED, and what
 * `OutputFolders.check` throws.
 */
export async function planOutput(
  { plugins, outputs, texts }: OutputServices,
  request: AskedOutput,
  model: OpenModel,
  restarted?: RestartedJob,
): Promise<OutputPlan> {
  const { checkpoint } = model.language;
  const exports = planExports(plugins, request);
  const overwrites = request.overwrite ? 'any' : restarted === undefined ? 'none' : 'own';
  const located = await Promise.all(
    listTextPaths(request).map(async (path) => ({ path: await texts.locate(path), name: `the text ${path}` })),
  );
  const files = located.flatMap(({ path, name }) => (path === undefined ? [] : [{ path, name }]));
  const target = {
    output: request.output,
    reads: [{ path: checkpoint.directory, name: 'the model' }, ...files],
    isParted: request.exports.length > 0,
  };
  const source = describeSource(checkpoint);
  for (const { exporter, options, field } of exports) await requireExportable(exporter, options, source, field);
  if (request.output !== '') await outputs.check(target, overwrites === 'none' ? 'refuse' : 'replace');
  return { ...target, overwrites, exports, notes: await listOutputNotes(model, exports, source) };
}

function planExports(plugins: PluginLookup, { exporter, exports }: AskedOutput): readonly PlannedExport[] {
  const resolve = (ref: PluginRef | undefined, field: string): Omit<PlannedExport, 'folder'> => {
    const { plugin, options, moduleUrl } = plugins.resolve('exporter', ref, DEFAULT_PLUGINS.exporter, field);
    return { exporter: plugin as Exporter, options, moduleUrl, field };
  };
  if (exports.length === 0) return [{ folder: '', ...resolve(exporter, 'exporter') }];
  if (exporter !== undefined) throw PrunecastError.ofField('exporter', 'is set beside exports: leave one of them out');
  const planned = exports.map((asked, index) => {
    const resolved = resolve(asked.exporter, `exports[${index}].exporter`);
    return { folder: asked.name || resolved.exporter.id, ...resolved };
  });
  planned.forEach(({ folder }, index) => {
    const field = `exports[${index}].name`;
    if (!FOLDER_NAME.test(folder))
      throw PrunecastError.ofField(
        field,
        `is "${folder}": take letters, digits, "-", "_" and ".", beginning with a letter or digit`,
      );
    // Of names that differ in case some disks make one.
    const other = planned.findIndex((earlier) => earlier.folder.toLowerCase() === folder.toLowerCase());
    if (other < index)
      throw PrunecastError.ofField(
        field,
        `is "${folder}", as that of exports[${other}]: give each export a name of its own`,
      );
  });
  return planned;
}

const FOLDER_NAME = /^[A-Za-z0-9][\w.-]*$/;

/** The exporters of an output as a plan has them. */
export function planExporters({ exports }: Pick<OutputPlan, 'exports'>): PlannedExporters {
  const planned = exports.map(({ folder, exporter, options }) => ({
    folder,
    ...planPlugin({ plugin: exporter, options }),
  }));
  const [first] = planned;
  if (first === undefined || first.folder !== '') return { exporter: null, exports: planned };
  const { folder: _none, ...exporter } = first;
  return { exporter };
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
  { exports }: OutputPlan,
  recipe: ResolvedRecipe | undefined,
): readonly string[] {
  const addsBias = recipe?.compensation.plugin.addsBias === true;
  const loadsIn = exports.flatMap(({ exporter, options, field }) => {
    const supported = exporter.supports(shape, architecture, addsBias ? 'added' : 'none', options);
    if (supported.ok) return supported.loadsIn;
    throw PrunecastError.ofField(field, supported.reason);
  });
  return [...new Set(loadsIn)];
}

/** Bytes of all weights that are written for an output, those too that are kept until all its forms are written. */
export function countWrittenBytes(
  language: Pick<LanguageModel, 'shape' | 'checkpoint'>,
  architecture: Architecture,
  { exports }: OutputPlan,
  by: ComputedBy,
): number {
  const written = exports.map((planned) => planExportedBytes(language.shape, architecture, planned, by.compensation));
  const kept = exports.length > 1 ? countKeptBytes(planCut(language, architecture, by)) : 0;
  return kept + written.reduce((sum, bytes) => sum + bytes, 0);
}

/**
 * Bytes of all files of an output before the model is pruned, and of what is kept beside them until all its forms are
 * written: the tensors that are computed, which happens once. Exact, but for what a training will say in the manifest.
 */
export async function countPlannedBytes(
  model: OpenModel,
  architecture: Architecture,
  output: OutputPlan,
  by: ComputedBy,
  provenance: Provenance,
): Promise<number> {
  const cut = planCut(model.language, architecture, by);
  const biases = by.compensation?.plugin.addsBias === true ? 'added' : 'none';
  const forms = listForms(model, cut.pruned, output, biases, provenance, createId('job'));
  return (output.exports.length > 1 ? countKeptBytes(cut) : 0) + (await countFormBytes(forms, cut.pruned));
}

/** A pruned model that has the sizes of the output, and nothing to read. */
interface PlannedCut {
  readonly pruned: PrunedModel;
  /** The names of the tensors that are computed. */
  readonly computed: ReadonlySet<string>;
}

function planCut(
  { shape, checkpoint }: Pick<LanguageModel, 'shape' | 'checkpoint'>,
  architecture: Architecture,
  by: ComputedBy,
): PlannedCut {
  const { layers } = shape;
  const names = listOwnTensors(shape, architecture, by).map(({ name }) => name);
  const keptUnits = selectKeptUnits(identityRanking(layers), architecture, layers); // any have the same sizes
  const replace = new Map(names.map((name) => [name, new Float32Array()]));
  return { pruned: pruneModel({ checkpoint, keptUnits, replace }), computed: new Set(names) };
}

function countKeptBytes({ pruned, computed }: PlannedCut): number {
  return countSpooledBytes(pruned, computed);
}

/** Weights are read, cut and written at about this pace. */
const WRITTEN_BYTES_PER_SECOND = 100e6;

/** Seconds that writing so many bytes takes. */
export function timeWriting(bytes: number): number {
  return bytes / WRITTEN_BYTES_PER_SECOND;
}
