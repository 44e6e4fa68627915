import { ModelServiceService } from '../../gen/prunecast/v1/model.js';
import { listModels } from '../models/list-models.js';
import { inspectModel } from '../models/inspect-model.js';
import type { OpenModels } from '../models/open-models.js';
import { scoreModel } from '../recipes/score-model.js';
import type { Config } from '../config/config.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';
import { attend } from './attend.js';
import type { RecipePreparer } from '../recipes/prepare-recipe.js';
import type { RecipeResolver } from '../recipes/recipe-resolver.js';
import { defineService, type RpcService } from './rpc-service.js';

export interface ModelServices {
  readonly config: Pick<Config, 'modelRoots' | 'modelLinks'>;
  readonly models: OpenModels;
  readonly plugins: PluginLookup;
  readonly recipes: RecipeResolver;
  readonly preparer: RecipePreparer;
}

/** `ModelService`: what a checkpoint is, and what a criterion says of it. */
export function createModelService(services: ModelServices): RpcService {
  return defineService(ModelServiceService, {
    listModels: (request, { signal }) => listModels(services.config, request, signal),
    inspectModel: (request, { signal }) => inspectModel(attend(services, { signal }).models, services.plugins, request),
    scoreUnits: (request, { signal }) => scoreModel(attend(services, { signal }), request, signal),
  });
}
