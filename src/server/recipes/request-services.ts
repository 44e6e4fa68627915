import type { OutputFolders } from '../../core/ports/outputs.js';
import { planRuns } from '../../core/run-batches.js';
import { describeObservation } from '../../engine/runtime/plan-memory.js';
import { digestOf } from '../../engine/files/digest.js';
import type { OpenModel } from '../models/open-models.js';
import type { RequestServices } from '../requests/services.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';
import type { TextSource } from '../texts/text-source.js';
import type { RecipeResolver } from './recipe-resolver.js';

/** What requests are resolved with, whatever their model. */
export interface ResolvingServices {
  readonly plugins: PluginLookup;
  readonly texts: TextSource;
  readonly recipes: RecipeResolver;
  /** Where the earlier outputs that a request names are read. */
  readonly outputs: Pick<OutputFolders, 'readManifest'>;
}

/** What requests on one open model are resolved with. */
export function createRequestServices(
  { plugins, texts, recipes, outputs }: ResolvingServices,
  model: OpenModel,
): RequestServices {
  const { language } = model;
  return {
    model: {
      name: model.name,
      checkpointDigest: language.checkpoint.digest,
      shape: language.shape,
      maxPositions: language.checkpoint.config.maxPositions,
      machine: language.machine,
      timeShapes: (length) => model.timeShapes(length),
      requireMemory: (request) => language.requireMemory(describeObservation(request, planRuns(request.sequences))),
      requirePrecision: (precision) => language.requirePrecision(precision),
    },
    plugins,
    digestOf,
    recipes: recipes.of(model),
    loadText: (text, field, tokens) => texts.load(text, model, field, { tokens }),
    loadRows: (text, folders, field) => texts.loadRows(text, model, field, folders),
    readManifest: (output, field) => outputs.readManifest(output, field),
  };
}
