import type { ErrorTable } from '../../core/features/error-table.js';
import type { PairSet } from '../../gen/prunecast/v1/pair.js';
import type { FitPredictorRequest } from '../../gen/prunecast/v1/predictor.js';
import { PredictorFeatures } from '../../gen/prunecast/v1/predictor_types.js';
import { SearchRequest } from '../../gen/prunecast/v1/pruning.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { workContext, type JobContext } from '../kinds/job-context.js';
import type { OpenModels } from '../models/open-models.js';
import type { RecipePreparer } from '../recipes/prepare-recipe.js';
import { createRequestServices, type ResolvingServices } from '../recipes/request-services.js';
import { applyPreset } from '../requests/apply-preset.js';
import { planTables, type PlannedErrors } from '../requests/plan-fit.js';
import { readStudyPlan } from '../requests/plan-search.js';
import { readStudy } from '../records/read-study.js';
import { digestBytes } from '../../engine/files/digest.js';
import { decodeErrorTables } from '../requests/decode-error-tables.js';
import { decodeFeatures } from '../requests/decode-features.js';
import { resolveQuestion, resolveRecipeOf } from '../requests/resolve-search.js';
import type { StudyRecords } from '../records/study-records.js';
import { measureErrorTables } from './measure-error-tables.js';

/** Loads the tables of a fit when its job runs. */
export type TableSource = (context: JobContext) => Promise<readonly ErrorTable[]>;

export interface TableServices extends ResolvingServices {
  readonly models: OpenModels;
  readonly studies: StudyRecords;
  readonly preparer: RecipePreparer;
}

/** Where the errors of a fit come from: the part of its plan, and what loads them. */
export interface FoundTables {
  readonly errors: PlannedErrors | null;
  readonly measureTables: TableSource;
}

/**
 * Where the features of a FitPredictor request come from: none for rates alone, the request's own tables, or the recipe
 * of its study.
 *
 * @throws PrunecastError INVALID_REQUEST with the field at fault, and as `resolveRecipeOf`
 */
export async function findTables(
  services: TableServices,
  request: FitPredictorRequest,
  set: PairSet,
): Promise<FoundTables> {
  const tables = decodeErrorTables(request, set);
  if (tables === undefined) return { errors: null, measureTables: () => Promise.resolve([]) };
  if (tables.length > 0)
    return { errors: planTables(tables, digestBytes), measureTables: () => Promise.resolve(tables) };
  return findMeasurement(services, request, set);
}

async function findMeasurement(
  services: TableServices,
  { source }: FitPredictorRequest,
  { pairs }: PairSet,
): Promise<FoundTables> {
  const study = source?.$case === 'studyId' ? await services.studies.get(source.value) : undefined;
  if (study === undefined || study.request.length === 0) {
    throw PrunecastError.ofField(
      'error_tables',
      'is empty, and the pairs come from elsewhere: give the errors of each dimension (ScoreUnits returns them), or use the rates as the only features',
    );
  }
  const request = applyPreset(SearchRequest.decode(study.request));
  const model = await services.models.open(request.model);
  const resolving = createRequestServices(services, model);
  const question = await resolveQuestion(resolving, request);
  const recipe = await resolveRecipeOf(
    resolving,
    request,
    question,
    findCommonest(pairs.map(({ recipeDigest }) => recipeDigest)),
  );
  decodeFeatures(PredictorFeatures.RATES_AND_ERRORS, [recipe]);
  const { plan } = readStudy(study);
  const { space } = plan === undefined ? question.plan : readStudyPlan(plan.study);
  const { language } = model;
  return {
    errors: { source: 'study', recipe: recipe.digest },
    measureTables: (context) =>
      measureErrorTables(
        services.plugins,
        PredictorFeatures.RATES_AND_ERRORS,
        space,
        {
          language,
          recipe,
          rank: () => services.preparer.prepare(language, recipe, workContext(context, 'calibrating')),
        },
        workContext(context, 'measuring errors'),
      ),
  };
}

/** The most frequent digest; the first of equally frequent ones. */
function findCommonest(digests: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const digest of digests) counts.set(digest, (counts.get(digest) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? '';
}
