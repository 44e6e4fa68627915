import { join } from 'node:path';
import type { Container } from 'inversify';
import { createJobKinds } from './job-kinds.js';
import { createScoreCache } from '../adapters/files/score-cache.js';
import { createLabelQueue } from '../adapters/in-process-queue/label-queue.js';
import { evaluatorLabeller } from '../labels/label-task.js';
import { createOpenModels } from '../models/open-models.js';
import { createFittedPredictors } from '../predictors/fitted-predictors.js';
import { createPluginFileReader } from '../predictors/read-plugin-files.js';
import { createRecipePreparer } from '../recipes/prepare-recipe.js';
import { RecipeResolver } from '../recipes/recipe-resolver.js';
import { createModelService } from '../rpc/model-service.js';
import { createPairService } from '../rpc/pair-service.js';
import { createPredictorService } from '../rpc/predictor-service.js';
import { createPruningService } from '../rpc/pruning-service.js';
import { createStudyService } from '../rpc/study-service.js';
import { createTextSource } from '../texts/text-source.js';
import { TOKENS } from './tokens.js';

/** Binds what the services of models, pruning, predictors and studies are made of. */
export function bindVerbs(container: Container): void {
  container
    .bind(TOKENS.models)
    .toResolvedValue(
      (config, checkInt8) => createOpenModels({ ...config, checkInt8 }),
      [TOKENS.config, TOKENS.checkInt8],
    );
  container.bind(TOKENS.closing).toResolvedValue((models) => () => models.close(), [TOKENS.models]);
  container.bind(TOKENS.texts).toResolvedValue((config) => createTextSource(config), [TOKENS.config]);
  container
    .bind(TOKENS.recipes)
    .toResolvedValue((plugins, texts) => new RecipeResolver(plugins, texts), [TOKENS.plugins, TOKENS.texts]);
  container.bind(TOKENS.preparer).toResolvedValue(
    ({ stateDirectory, scoreCacheBytes }, log) =>
      createRecipePreparer(
        createScoreCache({
          directory: join(stateDirectory, 'scores'),
          limitBytes: scoreCacheBytes,
          failed: (error) => log.warn({ err: error }, 'the cache of scores cannot be used'),
        }),
      ),
    [TOKENS.config, TOKENS.log],
  );
  container
    .bind(TOKENS.labels)
    .toResolvedValue(({ labels }) => createLabelQueue(labels, evaluatorLabeller), [TOKENS.store]);
  container.bind(TOKENS.predictors).toResolvedValue(
    (store, records, plugins, clock, { dataRoots, modelRoots, dataLinks }) =>
      createFittedPredictors({
        store,
        records,
        plugins,
        clock,
        readFiles: createPluginFileReader([...dataRoots, ...modelRoots], dataLinks),
      }),
    [TOKENS.store, TOKENS.predictorRecords, TOKENS.plugins, TOKENS.clock, TOKENS.config],
  );
  container.bind(TOKENS.closing).toResolvedValue((predictors) => () => predictors.close(), [TOKENS.predictors]);
  container.bind(TOKENS.verbs).toResolvedValue(
    (models, texts, plugins, recipes, preparer, labels, predictors) => ({
      models,
      texts,
      plugins,
      recipes,
      preparer,
      labels,
      predictors,
    }),
    [TOKENS.models, TOKENS.texts, TOKENS.plugins, TOKENS.recipes, TOKENS.preparer, TOKENS.labels, TOKENS.predictors],
  );
  container
    .bind(TOKENS.kinds)
    .toResolvedValue(
      (verbs, outputs, studies, pairSets, clock) => createJobKinds({ ...verbs, outputs, studies, pairSets, clock }),
      [TOKENS.verbs, TOKENS.outputs, TOKENS.studyRecords, TOKENS.pairSetRecords, TOKENS.clock],
    );
  container.bind(TOKENS.records).toResolvedValue(
    (store, kinds, jobs, events, outputs, studies, predictorStore, pairSets, clock) => ({
      store,
      kinds,
      jobs,
      events,
      outputs,
      studies,
      predictorStore,
      pairSets,
      clock,
    }),
    [
      TOKENS.store,
      TOKENS.kinds,
      TOKENS.jobs,
      TOKENS.jobEvents,
      TOKENS.outputs,
      TOKENS.studyRecords,
      TOKENS.predictorRecords,
      TOKENS.pairSetRecords,
      TOKENS.clock,
    ],
  );
  for (const create of [
    createPruningService,
    createModelService,
    createPairService,
    createPredictorService,
    createStudyService,
  ]) {
    container
      .bind(TOKENS.rpcService)
      .toResolvedValue((verbs, records) => create({ ...verbs, ...records }), [TOKENS.verbs, TOKENS.records]);
  }
}
