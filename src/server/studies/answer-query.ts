import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { createRng } from '../../core/random.js';
import { decodeCounts, toRates, type Counts } from '../../core/space/search-space.js';
import { SearchRequest } from '../../gen/prunecast/v1/pruning.js';
import type { QueryAnswer, QueryStudyRequest, QueryStudyResponse } from '../../gen/prunecast/v1/study.js';
import type { Store } from '../../core/ports/store.js';
import { rankScores } from '../../search/objectives/rank-scores.js';
import { scorePredicted } from '../../search/objectives/score-point.js';
import { proposeCandidates } from '../../search/phases/search/propose-candidates.js';
import { objectivesOf } from '../../search/study/plan.js';
import { breatheUnder } from '../jobs/breathe-under.js';
import { encodeArchitecture } from '../encoding/architecture.js';
import { encodeCosts } from '../encoding/costs.js';
import { requireSameCheckpoint, requireSameDimensions } from '../predictors/answer-refinement.js';
import type { OpenPredictor } from '../predictors/open-predictor.js';
import { listOutOfRange, predictMetrics } from '../predictors/predict-metrics.js';
import type { Jobs } from '../jobs/jobs.js';
import type { PluginRef } from '../../gen/prunecast/v1/common.js';
import { readStudy } from '../records/read-study.js';
import { requireSameStudy } from '../requests/compare-plans.js';
import { DEFAULT_ANSWERS, DEFAULT_QUERY_CANDIDATES } from '../requests/defaults.js';
import { planModel, planRecipe, toPlain } from '../requests/plan-document.js';
import { planPart, type SearchPlan } from '../requests/plan-search.js';
import { listMeasured } from '../requests/resolve-further.js';
import { replan } from '../requests/replan.js';
import { requireText } from '../requests/fields.js';
import type { OpenModel } from '../models/open-models.js';
import { joinMetrics, measureArchitectures } from '../labels/measure-architectures.js';
import { traceMeasured } from '../labels/trace-measured.js';
import type { PredictorRecords } from '../records/predictor-records.js';
import type { StudyRecord } from '../records/study-records.js';
import type { SearchServices } from './study.js';
import { chooseStrategy } from '../requests/choose-strategy.js';
import { createTarget } from './sample-ports.js';
import { applyPreset } from '../requests/apply-preset.js';
import { askPredictors, listPredicted } from './study-predictors.js';
import { createRequestServices } from '../recipes/request-services.js';
import { resolveQuestion, resolveSubject, type StudyQuestion } from '../requests/resolve-search.js';
import { prepareRecipe } from './study-recipes.js';

export interface QueryServices extends SearchServices {
  readonly predictorStore: PredictorRecords;
  readonly store: Pick<Store, 'keep'>;
  readonly jobs: Pick<Jobs, 'takeTurn'>;
}

interface PreparedQuery extends StudyQuestion {
  readonly model: OpenModel;
  /** The study's own request, which has its texts. */
  readonly request: SearchRequest;
  /** undefined for a study of an earlier version, and for one of imported pairs. */
  readonly document: SearchPlan | undefined;
  /** The recipe of the study's pairs. */
  readonly chosen: number;
  readonly strategy: PluginRef | undefined;
}

/** The number of the strategy's best candidates among which the knee of a front is found. */
const PROPOSED = 32;

/**
 * The best predicted architectures for other budgets or another objective, from the study's newest predictor of that
 * metric. With `verify` they are also labelled on the study's verify windows, under its recipe, in a turn of the job
 * queue.
 *
 * @throws PrunecastError STUDY_NOT_FOUND, PREDICTOR_NOT_FOUND, BUDGET_INFEASIBLE, OVERLOADED, those of Search, or the
 * signal's reason
 */
export async function answerQuery(
  services: QueryServices,
  request: QueryStudyRequest,
  { caller, signal }: { readonly caller: string; readonly signal: AbortSignal },
): Promise<QueryStudyResponse> {
  const study = await services.studies.get(requireText(request.studyId, 'study_id'));
  const count = request.count === 0 ? DEFAULT_ANSWERS : request.count;
  const question = await prepareQuery(services, study, request);
  const open = await findPredictors(services, study, question, signal);
  const strategy = chooseStrategy(services.plugins, question.strategy, question.plan);
  const { finalists } = await proposeCandidates(
    question.plan,
    {
      space: question.plan.space,
      budgets: question.plan.budgets,
      candidates: DEFAULT_QUERY_CANDIDATES,
      finalists: Math.max(count, PROPOSED),
      evaluated: [],
      verified: [],
      strategy: strategy.plugin,
      strategyOptions: strategy.options,
      predict: (batch) => askPredictors(open, batch, signal),
      rng: createRng(question.plan.seed).fork('query'),
      signal,
    },
    breatheUnder(signal),
  );
  const points = (
    await rankPredicted(
      question,
      open,
      finalists.map(({ counts }) => counts),
      signal,
    )
  ).slice(0, count);
  const answers = await describeAnswers(services, question, open, points, signal);
  if (!request.verify) return { answers };
  return {
    answers: await services.jobs.takeTurn(() => verify(services, study, question, answers, points, signal), {
      caller,
      signal,
    }),
  };
}

/** The best predicted first. */
async function rankPredicted(
  { plan }: StudyQuestion,
  open: ReadonlyMap<string, OpenPredictor>,
  points: readonly Counts[],
  signal: AbortSignal,
): Promise<Counts[]> {
  const columns = plan.space.dimensions.length;
  const rates = Float32Array.from(points.flatMap((counts) => [...toRates(plan.space, counts)]));
  const { scores } = scorePredicted(
    objectivesOf(plan),
    plan.space,
    points,
    await askPredictors(open, { rates, columns }, signal),
  );
  return rankScores(scores).map((index) => points[index] ?? []);
}

/** The query, with the study's own plan for all that it does not change. */
async function prepareQuery(
  services: QueryServices,
  study: StudyRecord,
  asked: QueryStudyRequest,
): Promise<PreparedQuery> {
  const { plan: document, progress } = readStudy(study);
  const chosen = progress?.chosen.recipe ?? 0;
  if (document === undefined) {
    const request = askAgain(study, asked);
    const model = await services.models.open(request.model);
    const question = await resolveQuestion(createRequestServices(services, model), request);
    return { ...question, model, request, document, chosen, strategy: request.strategy };
  }
  const model = await services.models.open(document.model.name);
  const { id, options } = document.evaluator;
  const evaluator = services.plugins.resolve('evaluator', { id, options: toStruct(options) }, id, 'evaluator');
  const others = (document.further ?? []).map(({ name, evaluator: own }) => ({
    name,
    evaluator: services.plugins.resolve(
      'evaluator',
      { id: own.id, options: toStruct(own.options) },
      own.id,
      'evaluator',
    ),
  }));
  const measured = listMeasured(evaluator.plugin, others);
  return {
    evaluator,
    others,
    plan: await replan(createRequestServices(services, model).model, document, measured, asked),
    model,
    request: applyPreset(SearchRequest.decode(study.request)),
    document,
    chosen,
    strategy:
      document.strategy?.named === true
        ? { id: document.strategy.id, options: toStruct(document.strategy.options) }
        : undefined,
  };
}

function toStruct(options: unknown): PluginRef['options'] {
  return options as PluginRef['options'];
}

/**
 * The request of a study without a plan, changed by the query. Such a study is of an earlier version, or of imported
 * pairs; then it has the model's default space.
 */
function askAgain({ request, model }: StudyRecord, { budgets, objectives }: QueryStudyRequest): SearchRequest {
  const own = request.length === 0 ? SearchRequest.fromPartial({ model }) : SearchRequest.decode(request);
  return applyPreset({
    ...own,
    budgets: budgets.length === 0 ? own.budgets : budgets,
    objectives: objectives.length === 0 ? own.objectives : objectives,
  });
}

async function findPredictor(
  { predictorStore, predictors }: QueryServices,
  { id }: StudyRecord,
  metric: string,
  signal: AbortSignal,
): Promise<OpenPredictor> {
  for (const predictorId of (await predictorStore.idsOfStudy(id)).toReversed()) {
    const open = await predictors.open(predictorId, signal);
    if (open.predictor.metrics.includes(metric)) return open;
  }
  throw new PrunecastError(
    'PREDICTOR_NOT_FOUND',
    `the study ${id} has no predictor of ${metric} yet: wait for its fit, or call FitPredictor with its study_id`,
    { metadata: { study_id: id, metric } },
  );
}

/** The study's newest predictor of each requested metric. */
async function findPredictors(
  services: QueryServices,
  study: StudyRecord,
  { plan, model }: PreparedQuery,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, OpenPredictor>> {
  const found = new Map<string, OpenPredictor>();
  for (const { name } of listPredicted(plan)) {
    const open = await findPredictor(services, study, name, signal);
    requireSameCheckpoint(open.predictor, model.language.checkpoint.digest, 'study_id');
    requireSameDimensions(open.predictor, plan.space, 'study_id');
    found.set(name, open);
  }
  return found;
}

async function describeAnswers(
  { plugins }: QueryServices,
  {
    plan: { space, budgets },
    model: {
      language: { shape },
    },
  }: PreparedQuery,
  open: ReadonlyMap<string, OpenPredictor>,
  points: readonly Counts[],
  signal: AbortSignal,
): Promise<QueryAnswer[]> {
  const answers: QueryAnswer[] = [];
  for (const counts of points) {
    const batch = { rates: toRates(space, counts), columns: space.dimensions.length };
    const architecture = decodeCounts(space, counts);
    answers.push({
      architecture: encodeArchitecture(architecture),
      // Biases are counted as the budgets count them: the recipe of an answer is not decided yet.
      costs: encodeCosts(shape, architecture, budgets, { ...space.shape, layers: architecture }),
      predictions: (
        await Promise.all(
          [...open].map(async ([name, predictor]) =>
            (await predictMetrics(plugins, predictor, batch, signal)).filter(({ metric }) => metric === name),
          ),
        )
      ).flat(),
      metrics: {},
      outOfRange: [
        ...new Set(
          [...open.values()].flatMap(({ predictor }) =>
            listOutOfRange(batch, predictor).flatMap(({ dimensions }) => dimensions),
          ),
        ),
      ],
    });
  }
  return answers;
}

/**
 * The answers with their metrics on the verify windows. Throws STUDY_CHANGED if the windows or the recipe have changed.
 */
async function verify(
  services: QueryServices,
  { id }: StudyRecord,
  question: PreparedQuery,
  answers: readonly QueryAnswer[],
  points: readonly Counts[],
  signal: AbortSignal,
): Promise<QueryAnswer[]> {
  const { request, document, chosen } = question;
  const resolving = createRequestServices(services, question.model);
  const { windows, further, recipes } = await resolveSubject(resolving, request, question);
  const dearest = windows.verify.at(-1) ?? windows.search;
  if (document !== undefined) {
    const oneShot = recipes.compared[chosen]?.oneShot;
    const planned = document.windows.verify.at(-1); // a sample has none
    requireSameStudy(
      id,
      {
        model: document.model,
        windows: planned ?? document.windows.search,
        recipe: document.recipes.compared[chosen]?.oneShot ?? null,
        further: (document.further ?? []).map((own) => own.windows.verify.at(-1) ?? own.windows.search),
      },
      toPlain({
        model: planModel(resolving.model),
        windows: planPart(resolving, planned === undefined ? windows.search : dearest),
        recipe: oneShot === undefined ? null : planRecipe(oneShot),
        further: further.map((own) =>
          planPart(resolving, (planned === undefined ? undefined : own.windows.verify?.at(-1)) ?? own.windows.search),
        ),
      }),
    );
  }
  const work = { signal, report: () => undefined };
  const ranked = await prepareRecipe(
    services.preparer,
    { model: question.model, recipes },
    { recipe: chosen, compensation: 'one-shot' },
    work,
  );
  const architectures = points.map((counts) => decodeCounts(question.plan.space, counts));
  const verified = [...answers];
  const target = createTarget(
    { ...question, windows, further },
    ranked,
    windows.verify.length === 0 ? { part: 'search', rung: 0 } : { part: 'verify', rung: windows.verify.length - 1 },
  );
  const results = measureArchitectures(services.labels, target, architectures, work);
  for await (const answer of traceMeasured(services.tracer, results, () => ({ name: 'label' }))) {
    if ('invalid' in answer) throw answer.invalid;
    const { index, labels, records } = answer;
    await services.store.keep(records);
    verified[index] = { ...(answers[index] as QueryAnswer), metrics: joinMetrics(target.measurements, labels) };
  }
  return verified;
}
