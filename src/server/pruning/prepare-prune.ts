import { setImmediate } from 'node:timers/promises';
import type { Architecture, ModelShape } from '../../core/model/shape.js';
import { selectKeptUnits } from '../../core/model/units.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Exporter } from '../../core/ports/exporter.js';
import { decodeCounts } from '../../core/space/search-space.js';
import { listCompanions } from '../../engine/checkpoint/list-companions.js';
import { findCalibrationErrorAllocation } from '../../search/controls/calibration-error.js';
import type { PluginRef, Text } from '../../gen/prunecast/v1/common.js';
import type { Plan, PruneRequest } from '../../gen/prunecast/v1/pruning.js';
import { hardestOf } from '../architectures/make-uneven.js';
import {
  openSpaces,
  requireSameUnits,
  resolveSelection,
  type Selection,
  type SharedBudgets,
} from '../architectures/resolve-selection.js';
import { encodeArchitecture } from '../encoding/architecture.js';
import { estimateSeconds } from '../evaluation/estimate-seconds.js';
import { encodeFeasible } from '../encoding/budget.js';
import { measureLatency } from '../latency/measure-latency.js';
import { encodeCosts } from '../encoding/space.js';
import type { JobContext, JobResult } from '../jobs/jobs.js';
import type { Prepared, RestartedJob } from '../jobs/runnable-kind.js';
import { workContext } from '../jobs/work-context.js';
import { budgeted, type OpenModel, type OpenModels } from '../models/open-models.js';
import { workOn } from '../models/work-on.js';
import type { PluginRegistry } from '../plugins/plugin-registry.js';
import { measureLayerErrors } from '../recipes/allocation-inputs.js';
import type { RankedModel, RecipePreparer } from '../recipes/prepare-recipe.js';
import { exportedShape, type RecipeResolver, type RecipeSpec } from '../recipes/recipe-spec.js';
import type { OutputFolders } from '../../core/ports/outputs.js';
import type { TextSource } from '../texts/text-source.js';
import { writePruned, type OutputPlan } from './write-pruned.js';

export interface PruneServices {
  readonly models: OpenModels;
  readonly plugins: PluginRegistry;
  readonly recipes: RecipeResolver;
  readonly preparer: RecipePreparer;
  readonly outputs: OutputFolders;
  readonly texts: TextSource;
}

/** Checks a Prune request down to its architecture and output; `run` then ranks, cuts and writes. */
export async function preparePrune(
  services: PruneServices,
  request: PruneRequest,
  restarted?: RestartedJob,
): Promise<Prepared> {
  const model = await services.models.open(request.model);
  const { shape } = model.language;
  const counted = services.recipes.countedShape(shape, [{ recipe: request.recipe, field: 'recipe' }], request.space);
  const selection = await resolveSelection(
    { model: budgeted(model), outputs: services.outputs },
    request.selection,
    openSpaces(shape, counted, request.space),
    '',
  );
  const output = await planOutput(services, request, model, restarted);
  const recipe = await resolveRecipe(services, request, model, selection);
  const byError = recipe?.compensation.plugin.needs.includes('gram') === true ? selection.budgets : undefined;
  const loadsIn = findLoaders(
    shape,
    byError === undefined ? selection.architecture : hardestOf(byError.space, 1),
    output,
    recipe,
  );
  await listCompanions(model.language.checkpoint.files); // what cannot be copied to the output is found before any work
  const pruning = { model, selection, byError, output, recipe };
  return {
    plan: () => encodePlan(pruning, loadsIn),
    run: workOn(model, (context) => runPrune(services, pruning, context)),
  };
}

async function encodePlan({ model, selection, byError, recipe }: Pruning, loadsIn: readonly string[]): Promise<Plan> {
  const { shape } = model.language;
  const sequences = recipe?.calibration?.sequences ?? [];
  const tokens = sequences.reduce((sum, { length }) => sum + length, 0);
  return {
    trials: 0n,
    tokens: BigInt(tokens),
    peakMemoryBytes: BigInt(model.language.estimatePeakBytes(sequences.map((sequence) => ({ tokens: sequence })))),
    seconds: await estimateSeconds(model, tokens),
    feasible: selection.budgets === undefined ? [] : encodeFeasible(selection.budgets.space, selection.budgets.budgets),
    loadsIn: [...loadsIn],
    // Shared out by calibration error, the architecture is known once the calibration is done.
    architectures: byError === undefined ? [encodeArchitecture(selection.architecture)] : [],
    costs:
      byError === undefined
        ? encodeCosts(
            shape,
            selection.architecture,
            selection.budgets?.budgets,
            exportedShape(shape, selection.architecture, recipe?.compensation),
          )
        : [],
  };
}

/** The recipe that ranks and mends: the request's own, or that of a manifest whose output was mended; undefined where units were named alone. */
async function resolveRecipe(
  { recipes }: PruneServices,
  { recipe }: PruneRequest,
  model: OpenModel,
  { keptUnits, mended }: Selection,
): Promise<RecipeSpec | undefined> {
  if (mended !== undefined) return recipes.restore(mended, recipe?.calibration?.text, model);
  return keptUnits === undefined ? recipes.resolve(recipe, model, 'recipe') : undefined;
}

/**
 * Where a request's output goes; a job that is run again may find there what it wrote before. Throws PLUGIN_NOT_FOUND,
 * INVALID_OPTIONS, and what `OutputFolders.check` throws.
 */
export async function planOutput(
  { plugins, outputs, texts }: Pick<PruneServices, 'plugins' | 'outputs' | 'texts'>,
  request: { readonly exporter: PluginRef | undefined; readonly output: string; readonly overwrite: boolean },
  { language }: OpenModel,
  restarted?: RestartedJob,
): Promise<OutputPlan> {
  const { plugin, options, moduleUrl } = plugins.resolve('exporter', request.exporter, 'hf', 'exporter');
  const overwrites = request.overwrite ? 'any' : restarted === undefined ? 'none' : 'own';
  const located = await Promise.all(
    listTextPaths(request).map(async (path) => ({ path: await texts.locate(path), name: `the text ${path}` })),
  );
  const files = located.flatMap(({ path, name }) => (path === undefined ? [] : [{ path, name }]));
  const target = {
    output: request.output,
    reads: [{ path: language.checkpoint.directory, name: 'the model' }, ...files],
  };
  await outputs.check(target, overwrites === 'none' ? 'refuse' : 'replace');
  return { ...target, overwrites, exporter: plugin as Exporter, exporterOptions: options, exporterUrl: moduleUrl };
}

/** The paths of all texts that a request names, wherever in it they stand. */
function listTextPaths(message: object): string[] {
  if (Array.isArray(message) && typeof message[0] !== 'object') return []; // numbers, and possibly many
  return Object.entries(message).flatMap(([name, value]: [string, unknown]) => {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return [];
    if (name !== 'source') return listTextPaths(value);
    const { $case, value: path } = value as Partial<NonNullable<Text['source']>>;
    return $case === 'path' && typeof path === 'string' ? [path] : [];
  });
}

/** What will load an output. Throws INVALID_REQUEST where the exporter cannot write it, biases of the recipe's compensation included. */
export function findLoaders(
  shape: ModelShape,
  architecture: Architecture,
  { exporter, exporterOptions }: OutputPlan,
  recipe: RecipeSpec | undefined,
): readonly string[] {
  const addsBias = recipe?.compensation.plugin.addsBias === true;
  const supported = exporter.supports(shape, architecture, addsBias ? 'added' : 'none', exporterOptions);
  if (supported.ok) return supported.loadsIn;
  throw PrunecastError.ofField('exporter', supported.reason);
}

interface Pruning {
  readonly model: OpenModel;
  readonly selection: Selection;
  /** Budgets that are shared out anew once the calibration errors are known. */
  readonly byError: SharedBudgets | undefined;
  readonly output: OutputPlan;
  readonly recipe: RecipeSpec | undefined;
}

async function runPrune(services: PruneServices, pruning: Pruning, context: JobContext): Promise<JobResult> {
  const { model, selection, output, recipe } = pruning;
  const { language } = model;
  const ranked =
    recipe === undefined
      ? undefined
      : await services.preparer.prepare(language, recipe, workContext(context, 'calibrating'));
  const { architecture, allocation } = (await shareAnew(services, pruning, ranked, context)) ?? selection;
  const keptUnits =
    ranked === undefined ? selection.keptUnits : selectKeptUnits(ranked.ranking, architecture, language.shape.layers);
  if (ranked !== undefined) requireSameUnits(selection, ranked, language.shape);
  if (keptUnits === undefined) throw new PrunecastError('INTERNAL', 'neither a recipe nor named units say what stays');
  const result = await writePruned(
    services.outputs,
    model,
    { keptUnits, recipe: ranked?.recipe },
    output,
    { recipe, allocation, measurements: {} },
    workContext(context, 'writing'),
  );
  const costs =
    ranked === undefined
      ? result.costs
      : await measureLatency(
          language,
          { recipe: ranked.recipe, architecture, budgets: selection.budgets?.budgets ?? [], stated: result.costs },
          workContext(context, 'measuring latency'),
        );
  return {
    $case: 'prune',
    value: {
      ...result,
      costs,
      snapped: selection.snapped.map(({ dimension, rate, snappedTo }) => ({ dimension, asked: rate, used: snappedTo })),
    },
  };
}

/** Budgets shared out by calibration error; undefined where there are none, or nothing knows the errors. */
async function shareAnew(
  { plugins }: PruneServices,
  { model, byError, recipe }: Pruning,
  ranked: RankedModel | undefined,
  context: JobContext,
): Promise<Pick<Selection, 'architecture' | 'allocation'> | undefined> {
  if (byError === undefined || recipe === undefined || ranked === undefined) return undefined;
  const errors = await measureLayerErrors(
    plugins,
    model.language,
    recipe,
    ranked,
    workContext(context, 'measuring calibration errors'),
  );
  if (errors === undefined) return undefined;
  const found = await findCalibrationErrorAllocation(byError.space, errors, byError.budgets, () => setImmediate());
  if (found === undefined) throw new RangeError('a budget that one rate everywhere meets cannot be shared out');
  return { architecture: decodeCounts(byError.space, found.counts), allocation: 'calibration-error' };
}
