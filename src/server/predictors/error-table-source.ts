import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { ErrorTable } from '../../core/features/error-table.js';
import type { PairSet } from '../../gen/prunecast/v1/pair.js';
import type { FitPredictorRequest } from '../../gen/prunecast/v1/predictor.js';
import { PredictorFeatures } from '../../gen/prunecast/v1/predictor_types.js';
import { SearchRequest } from '../../gen/prunecast/v1/pruning.js';
import type { JobContext } from '../jobs/jobs.js';
import { workContext } from '../jobs/work-context.js';
import type { RecipePreparer } from '../recipes/prepare-recipe.js';
import type { StudyRecords } from '../records/study-records.js';
import { applyPreset } from '../studies/apply-preset.js';
import { openQuestion, openRecipe, type QuestionServices } from '../studies/study-question.js';
import { measureErrorTables, readFeatures } from './measure-error-tables.js';

/** Brings the tables of a fit, once its job runs. */
export type TableSource = (context: JobContext) => Promise<readonly ErrorTable[]>;

export interface TableServices extends QuestionServices {
  readonly studies: StudyRecords;
  readonly preparer: RecipePreparer;
}

/**
 * Where the features of a FitPredictor request come from: nowhere for rates alone, the request's own tables, or the recipe of
 * its study.
 *
 * @throws PrunecastError INVALID_REQUEST with the field at fault, and as `openQuestion` and `openRecipe`
 */
export async function planTables(
  services: TableServices,
  request: FitPredictorRequest,
  set: PairSet,
): Promise<TableSource> {
  const features = readFeatures(request.features, []);
  const tables = request.errorTables.map((table, index): ErrorTable => {
    const field = `error_tables[${index}]`;
    if (!set.dimensions.includes(table.dimension))
      throw PrunecastError.ofField(`${field}.dimension`, `is "${table.dimension}", which is no dimension of the pairs`);
    if (request.errorTables.findIndex(({ dimension }) => dimension === table.dimension) < index)
      throw PrunecastError.ofField(
        `${field}.dimension`,
        `is "${table.dimension}" again: give each dimension one table`,
      );
    if (table.errors.length < 2)
      throw PrunecastError.ofField(
        `${field}.errors`,
        `has ${table.errors.length} values: one for every kept count from none to all is needed`,
      );
    const bad = table.errors.findIndex((error) => !(error >= 0 && error < Number.POSITIVE_INFINITY));
    if (bad >= 0)
      throw PrunecastError.ofField(
        `${field}.errors[${bad}]`,
        `is ${table.errors[bad]}; a finite number of at least 0 is needed`,
      );
    return { dimension: table.dimension, errors: Float32Array.from(table.errors) };
  });
  if (features !== PredictorFeatures.RATES_AND_ERRORS) {
    if (tables.length > 0)
      throw PrunecastError.ofField(
        'error_tables',
        'are given, and the features are the rates alone: ask for RATES_AND_ERRORS',
      );
    return () => Promise.resolve([]);
  }
  return tables.length > 0 ? () => Promise.resolve(tables) : planMeasurement(services, request, set);
}

async function planMeasurement(
  services: TableServices,
  { source }: FitPredictorRequest,
  { pairs }: PairSet,
): Promise<TableSource> {
  const study = source?.$case === 'studyId' ? await services.studies.get(source.value) : undefined;
  if (study === undefined || study.request.length === 0) {
    throw PrunecastError.ofField(
      'error_tables',
      'is empty, and the pairs come from elsewhere: give the errors of each dimension (ScoreUnits tells them), or leave the features at the rates',
    );
  }
  const request = applyPreset(SearchRequest.decode(study.request));
  const question = await openQuestion(services, request);
  const recipe = await openRecipe(
    services,
    request,
    question,
    findCommonest(pairs.map(({ recipeDigest }) => recipeDigest)),
  );
  readFeatures(PredictorFeatures.RATES_AND_ERRORS, [recipe]);
  const { language } = question.model;
  return (context) =>
    measureErrorTables(
      services.plugins,
      PredictorFeatures.RATES_AND_ERRORS,
      question.plan.space,
      {
        language,
        recipe,
        rank: () => services.preparer.prepare(language, recipe, workContext(context, 'calibrating')),
      },
      workContext(context, 'measuring errors'),
    );
}

/** The digest that most have; the first of equal ones. */
function findCommonest(digests: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const digest of digests) counts.set(digest, (counts.get(digest) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? '';
}
