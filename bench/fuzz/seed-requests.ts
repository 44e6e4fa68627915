import {
  BudgetKind,
  DimensionKind,
  JobState,
  type DeepPartial,
  type EvaluateRequest,
  type PrunecastClient,
  type PruneRequest,
  type Recipe,
  type SearchRequest,
  type Text,
} from '../../src/client/index.js';
import { createRng } from '../../src/core/random.js';
import { GetLogLevelRequest, LogLevel, SetLogLevelRequest } from '../../src/gen/prunecast/v1/admin.js';
import { ListPluginsRequest, GetServerInfoRequest } from '../../src/gen/prunecast/v1/catalog.js';
import {
  CancelJobRequest,
  DeleteJobRequest,
  GetJobRequest,
  ListJobsRequest,
  ResumeJobRequest,
  WatchJobRequest,
} from '../../src/gen/prunecast/v1/job.js';
import {
  DeleteUploadRequest,
  DownloadOutputRequest,
  ListOutputsRequest,
  ListUploadsRequest,
  UploadFileRequest,
  type UploadStart,
  VerifyOutputRequest,
} from '../../src/gen/prunecast/v1/file.js';
import { InspectModelRequest, ListModelsRequest, ScoreUnitsRequest } from '../../src/gen/prunecast/v1/model.js';
import { ExportPairsRequest, ImportPairsRequest, SamplePairsRequest } from '../../src/gen/prunecast/v1/pair.js';
import {
  DeletePredictorRequest,
  ExplainPredictorRequest,
  FitPredictorRequest,
  GetPredictorRequest,
  ListPredictorsRequest,
  ProposeRefinementRequest,
} from '../../src/gen/prunecast/v1/predictor.js';
import {
  EvaluateRequest as Evaluate,
  PredictRequest,
  PruneRequest as Prune,
  SearchRequest as Search,
} from '../../src/gen/prunecast/v1/pruning.js';
import {
  DeleteStudyRequest,
  GetStudyReportRequest,
  GetStudyRequest,
  ListStudiesRequest,
  ListTrialsRequest,
  QueryStudyRequest,
  ReportFormat,
} from '../../src/gen/prunecast/v1/study.js';
import { Control } from '../../src/gen/prunecast/v1/study_types.js';
import { OUTSIDE_PATHS } from './outside.js';

/**
 * Requests that a server answers without an error, encoded, by the method's name; a request of a client-streaming
 * method has several messages.
 */
export type SeedRequests = Readonly<Record<string, readonly (readonly Uint8Array[])[]>>;

export interface Seeds {
  readonly requests: SeedRequests;
  /** Texts that mean something to this server: ids, names, digests. */
  readonly known: readonly string[];
}

const DIMENSIONS = Array.from({ length: 5 }, (_, layer) => [
  `layers.${layer}.kv_heads`,
  `layers.${layer}.ffn_channels`,
]).flat();

const INLINE: DeepPartial<Text> = {
  source: {
    $case: 'inline',
    value: 'Once upon a time, there was a little girl who liked to play outside with her red ball. '.repeat(40),
  },
};

const TOKENS: DeepPartial<Text> = {
  source: { $case: 'tokenIds', value: { ids: Array.from({ length: 600 }, (_, index) => 3 + ((index * 37) % 500)) } },
};

/** An output that is kept: requests write others. */
const OUTPUT = 'kept-output';

/** The content of an upload. */
const TOLD = Buffer.from('Once upon a time there was a cat. '.repeat(200));

const MAGNITUDE: DeepPartial<Recipe> = {
  criterion: { id: 'magnitude', options: { norm: 'l1' } },
  compensation: { id: 'none' },
};

const CALIBRATED: DeepPartial<Recipe> = {
  criterion: { id: 'wanda' },
  compensation: { id: 'least-squares', options: { damping: 0.01 } },
  calibration: { text: TOKENS, sequences: 8, sequenceTokens: 32, bos: true },
  seed: 5n,
};

const SPACE = {
  protectedLayers: { layers: [0] },
  kinds: [DimensionKind.KV_HEADS, DimensionKind.FFN_CHANNELS],
  minRate: 0.1,
  maxRate: 0.5,
  rateStep: 0.1,
  tieRun: 2,
  ranges: [{ dimension: 'layers.1.ffn_channels', minRate: 0.1, maxRate: 0.4 }],
};

/** Gives a server a study, predictors and jobs to ask about, and returns their names. */
export async function seedServer(client: PrunecastClient, model: string): Promise<Seeds> {
  const rng = createRng(11);
  const pairs = Array.from({ length: 60 }, () => {
    const rates = DIMENSIONS.map(() => rng.uniform() / 2);
    return {
      rates,
      metrics: {
        perplexity: Math.exp(1.5 + rates.reduce((sum, rate, index) => sum + rate * (1 + (index % 3)), 0) / 4),
      },
    };
  });
  const ridge = await client.runFitPredictor({
    source: { $case: 'pairs', value: { dimensions: DIMENSIONS, pairs } },
    predictor: { id: 'ridge' },
  });
  const forest = await client.runFitPredictor({
    source: { $case: 'pairs', value: { dimensions: DIMENSIONS, pairs } },
    predictor: { id: 'random-forest' },
  });
  const search = smallSearch(model);
  const report = await client.runSearch(search);
  await client.runPrune({ ...prunes(model)[0], output: OUTPUT });
  const { upload: stored } = await client.services.files.uploadFile(send(uploads()[0] ?? []));
  const { jobs } = await client.services.jobs.listJobs({ state: JobState.SUCCEEDED });
  const jobIds = jobs.map(({ id }) => id);
  const [firstJob = ''] = jobIds;
  const { study } = await client.services.studies.getStudy({ studyId: report.studyId });
  const predictorIds = [ridge.id, forest.id, ...(study?.predictorIds ?? [])];
  const known = [
    model,
    'damaged',
    report.studyId,
    ...jobIds.slice(0, 5),
    ...predictorIds,
    ...DIMENSIONS.slice(0, 4),
    'magnitude',
    'wanda',
    'taylor',
    'fluctuation',
    'random',
    'activation',
    'block-influence',
    'none',
    'mean',
    'affine',
    'least-squares',
    'perplexity',
    'ridge',
    'xgboost',
    'random-forest',
    'gaussian-process',
    'ensemble',
    'onnx',
    'auto',
    'evolutionary',
    'nsga2',
    'hf',
    'paper',
    'uniform-paper',
    study?.checkpointDigest ?? '',
    `${model}/stories.json`,
    OUTPUT,
    'model.safetensors',
    stored?.path ?? '',
    stored?.digest ?? '',
    ...OUTSIDE_PATHS,
  ];
  const rates = new Uint8Array(Float32Array.from({ length: 20 * DIMENSIONS.length }, () => rng.uniform() / 2).buffer);
  return {
    known,
    requests: {
      'PruningService.Prune': one(...prunes(model).map((request) => Prune.encode(Prune.fromPartial(request)).finish())),
      'PruningService.PlanPrune': one(
        ...[...prunes(model), plannedPrune(model)].map((request) => Prune.encode(Prune.fromPartial(request)).finish()),
      ),
      'PruningService.Evaluate': one(
        ...evaluations(model).map((request) => Evaluate.encode(Evaluate.fromPartial(request)).finish()),
      ),
      'PruningService.PlanEvaluate': one(
        ...[...evaluations(model), plannedEvaluation(model)].map((request) =>
          Evaluate.encode(Evaluate.fromPartial(request)).finish(),
        ),
      ),
      'PruningService.Predict': one(
        ...predictorIds.slice(0, 2).map((predictorId) =>
          PredictRequest.encode(
            PredictRequest.fromPartial({
              predictorId,
              encodings: { rates: Buffer.from(rates), dimensions: DIMENSIONS.length },
            }),
          ).finish(),
        ),
      ),
      'PruningService.Search': one(
        ...searches(model).map((request) => Search.encode(Search.fromPartial(request)).finish()),
      ),
      'PruningService.PlanSearch': one(
        ...[...searches(model), ...plannedSearches(model)].map((request) =>
          Search.encode(Search.fromPartial(request)).finish(),
        ),
      ),
      'JobService.GetJob': one(GetJobRequest.encode(GetJobRequest.fromPartial({ jobId: firstJob })).finish()),
      'JobService.ListJobs': one(ListJobsRequest.encode(ListJobsRequest.fromPartial({ pageSize: 10 })).finish()),
      'JobService.WatchJob': one(
        WatchJobRequest.encode(WatchJobRequest.fromPartial({ jobId: firstJob, afterSequence: 2n })).finish(),
      ),
      'JobService.CancelJob': one(CancelJobRequest.encode(CancelJobRequest.fromPartial({ jobId: firstJob })).finish()),
      'JobService.ResumeJob': one(
        ResumeJobRequest.encode(ResumeJobRequest.fromPartial({ jobId: firstJob, ranges: SPACE.ranges })).finish(),
      ),
      'JobService.DeleteJob': one(
        DeleteJobRequest.encode(DeleteJobRequest.fromPartial({ jobId: 'job_that_is_not_there' })).finish(),
      ),
      'StudyService.GetStudy': one(
        GetStudyRequest.encode(GetStudyRequest.fromPartial({ studyId: report.studyId })).finish(),
      ),
      'StudyService.ListStudies': one(
        ListStudiesRequest.encode(ListStudiesRequest.fromPartial({ pageSize: 5 })).finish(),
      ),
      'StudyService.DeleteStudy': one(
        DeleteStudyRequest.encode(DeleteStudyRequest.fromPartial({ studyId: 'study_that_is_not_there' })).finish(),
      ),
      'StudyService.ListTrials': one(
        ListTrialsRequest.encode(ListTrialsRequest.fromPartial({ studyId: report.studyId, pageSize: 5 })).finish(),
      ),
      'StudyService.GetStudyReport': one(
        ...[ReportFormat.UNSPECIFIED, ReportFormat.HTML, ReportFormat.MARKDOWN].map((format) =>
          GetStudyReportRequest.encode(GetStudyReportRequest.fromPartial({ studyId: report.studyId, format })).finish(),
        ),
      ),
      'StudyService.QueryStudy': one(
        ...[false, true].map((verify) =>
          QueryStudyRequest.encode(
            QueryStudyRequest.fromPartial({
              studyId: report.studyId,
              budgets: [{ limit: { $case: 'removedShare', value: 0.15 } }],
              objectives: [{ metric: 'perplexity' }],
              count: 2,
              verify,
            }),
          ).finish(),
        ),
      ),
      'PairService.SamplePairs': one(SamplePairsRequest.encode(SamplePairsRequest.fromPartial({ search })).finish()),
      'PairService.ImportPairs': [
        [
          ImportPairsRequest.encode(
            ImportPairsRequest.fromPartial({ content: { $case: 'set', value: { dimensions: DIMENSIONS, pairs: [] } } }),
          ).finish(),
          ...pairs
            .slice(0, 8)
            .map((pair) =>
              ImportPairsRequest.encode(
                ImportPairsRequest.fromPartial({ content: { $case: 'pair', value: pair } }),
              ).finish(),
            ),
        ],
      ],
      'PairService.ExportPairs': one(
        ExportPairsRequest.encode(ExportPairsRequest.fromPartial({ studyId: report.studyId })).finish(),
      ),
      'PredictorService.FitPredictor': one(
        ...['ridge', 'xgboost', 'gaussian-process', 'random-forest'].map((id) =>
          FitPredictorRequest.encode(
            FitPredictorRequest.fromPartial({
              source: { $case: 'pairs', value: { dimensions: DIMENSIONS, pairs: pairs.slice(0, 30) } },
              predictor: { id },
              seed: 3n,
              metrics: ['perplexity'],
            }),
          ).finish(),
        ),
      ),
      'PredictorService.GetPredictor': one(
        GetPredictorRequest.encode(GetPredictorRequest.fromPartial({ predictorId: ridge.id })).finish(),
      ),
      'PredictorService.ListPredictors': one(
        ListPredictorsRequest.encode(
          ListPredictorsRequest.fromPartial({ studyId: report.studyId, pageSize: 3 }),
        ).finish(),
      ),
      'PredictorService.DeletePredictor': one(
        DeletePredictorRequest.encode(
          DeletePredictorRequest.fromPartial({ predictorId: 'predictor_that_is_not_there' }),
        ).finish(),
      ),
      'PredictorService.ExplainPredictor': one(
        ExplainPredictorRequest.encode(
          ExplainPredictorRequest.fromPartial({ predictorId: ridge.id, points: 5, metric: 'perplexity' }),
        ).finish(),
      ),
      'PredictorService.ProposeRefinement': one(
        ProposeRefinementRequest.encode(
          ProposeRefinementRequest.fromPartial({
            predictorId: ridge.id,
            model,
            space: { protectedLayers: { layers: [] } },
            refine: { importantShare: 0.3 },
            metric: 'perplexity',
          }),
        ).finish(),
      ),
      'ModelService.InspectModel': one(
        ...[SPACE, {}].map((space) =>
          InspectModelRequest.encode(InspectModelRequest.fromPartial({ model, space })).finish(),
        ),
      ),
      'ModelService.ScoreUnits': one(
        ...[MAGNITUDE, CALIBRATED].map((recipe) =>
          ScoreUnitsRequest.encode(ScoreUnitsRequest.fromPartial({ model, recipe })).finish(),
        ),
      ),
      'ModelService.ListModels': one(
        ...['', model].map((folder) =>
          ListModelsRequest.encode(ListModelsRequest.fromPartial({ folder, pageSize: 3 })).finish(),
        ),
      ),
      'FileService.ListOutputs': one(
        ListOutputsRequest.encode(ListOutputsRequest.fromPartial({ pageSize: 3 })).finish(),
      ),
      'FileService.DownloadOutput': one(
        ...[
          { output: OUTPUT },
          { output: OUTPUT, file: 'prunecast.json' },
          { output: OUTPUT, file: 'config.json', offset: 10n },
        ].map((request) => DownloadOutputRequest.encode(DownloadOutputRequest.fromPartial(request)).finish()),
      ),
      'FileService.VerifyOutput': one(
        VerifyOutputRequest.encode(VerifyOutputRequest.fromPartial({ output: OUTPUT })).finish(),
        VerifyOutputRequest.encode(
          VerifyOutputRequest.fromPartial({
            output: OUTPUT,
            model,
            text: { source: { $case: 'inline', value: 'a text' } },
          }),
        ).finish(),
      ),
      'FileService.UploadFile': uploads().map((messages) =>
        messages.map((message) => UploadFileRequest.encode(UploadFileRequest.fromPartial(message)).finish()),
      ),
      'FileService.ListUploads': one(
        ListUploadsRequest.encode(ListUploadsRequest.fromPartial({ pageSize: 3 })).finish(),
      ),
      'FileService.DeleteUpload': one(
        DeleteUploadRequest.encode(
          DeleteUploadRequest.fromPartial({ path: `uploads/${'0'.repeat(64)}/that_is_not_there.txt` }),
        ).finish(),
      ),
      'AdminService.GetLogLevel': one(GetLogLevelRequest.encode({}).finish()),
      'AdminService.SetLogLevel': one(
        ...[
          { level: LogLevel.WARN, seconds: 0 },
          { level: LogLevel.INFO, seconds: 0.01 },
        ].map((request) => SetLogLevelRequest.encode(request).finish()),
      ),
      'CatalogService.ListPlugins': one(ListPluginsRequest.encode(ListPluginsRequest.fromPartial({})).finish()),
      'CatalogService.GetServerInfo': one(GetServerInfoRequest.encode({}).finish()),
    },
  };
}

/** Requests of one message each. */
function one(...messages: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  return messages.map((message) => [message]);
}

async function* send<Message>(messages: readonly Message[]): AsyncGenerator<Message, void, undefined> {
  yield* messages;
}

/** The messages of a file and of a folder. */
function uploads(): readonly (readonly DeepPartial<UploadFileRequest>[])[] {
  const halves = [TOLD.subarray(0, 3000), TOLD.subarray(3000)].map(
    (value): DeepPartial<UploadFileRequest> => ({ part: { $case: 'chunk', value } }),
  );
  return [
    [startUpload({ name: 'told.txt', bytes: BigInt(TOLD.length) }), ...halves],
    [startUpload({ name: 'rows', folder: true }), fileOf('test/a.txt'), ...halves, fileOf('test/b.txt'), ...halves],
  ];
}

function startUpload(value: DeepPartial<UploadStart>): DeepPartial<UploadFileRequest> {
  return { part: { $case: 'start', value } };
}

function fileOf(path: string): DeepPartial<UploadFileRequest> {
  return { part: { $case: 'file', value: { path } } };
}

function prunes(model: string): readonly DeepPartial<PruneRequest>[] {
  return [
    {
      model,
      selection: { $case: 'uniformRate', value: 0.25 },
      recipe: MAGNITUDE,
      exporter: { id: 'hf' },
      output: 'pruned',
      overwrite: true,
    },
    {
      model,
      selection: {
        $case: 'budgets',
        value: { budgets: [{ kind: BudgetKind.PARAMETERS, limit: { $case: 'removedShare', value: 0.2 } }] },
      },
      recipe: CALIBRATED,
      space: SPACE,
      exports: [
        { name: 'per-layer', exporter: { id: 'hf', options: { form: 'per-layer' } } },
        { exporter: { id: 'hf' } },
      ],
      output: 'pruned-2',
      overwrite: true,
    },
  ];
}

function plannedPrune(model: string): DeepPartial<PruneRequest> {
  return {
    model,
    selection: { $case: 'dimensionRates', value: { rates: [0.5, 0.25, 0.1, 0.1] } },
    space: { protectedLayers: { layers: [0, 1, 2] } },
    recipe: MAGNITUDE,
  };
}

function evaluations(model: string): readonly DeepPartial<EvaluateRequest>[] {
  const measurement = { text: TOKENS, windows: { window: 32, stride: 32, bos: true } };
  return [
    {
      model,
      targets: [{ target: { $case: 'dense', value: {} } }, { target: { $case: 'uniformRate', value: 0.3 } }],
      recipe: MAGNITUDE,
      measurement,
      fidelity: { tokenLimit: 128n },
    },
    {
      model,
      targets: [
        {
          target: {
            $case: 'architecture',
            value: { layers: Array.from({ length: 5 }, () => ({ kvHeads: 2, queryHeadsPerKv: 2, ffnChannels: 100 })) },
          },
        },
      ],
      recipe: CALIBRATED,
      measurement: { text: INLINE, windows: { window: 16 } },
      fidelity: { tokenLimit: 128n },
    },
  ];
}

function plannedEvaluation(model: string): DeepPartial<EvaluateRequest> {
  return {
    model,
    measurement: { text: { source: { $case: 'path', value: `${model}/stories.json` } }, windows: { window: 64 } },
    fidelity: { tokenLimit: 256n },
  };
}

function smallSearch(model: string): DeepPartial<SearchRequest> {
  return {
    model,
    recipes: [MAGNITUDE],
    space: { protectedLayers: { layers: [] } },
    budgets: [{ kind: BudgetKind.PARAMETERS, limit: { $case: 'removedShare', value: 0.2 } }],
    objectives: [{ metric: 'perplexity' }],
    texts: { text: TOKENS },
    windows: { window: 16 },
    pairs: { count: 12, rungs: [{ tokenLimit: 64n }] },
    candidates: 100n,
    verify: { count: 2, rungs: [{ tokenLimit: 64n }] },
    report: { tokenLimit: 64n },
    predictor: { id: 'ridge' },
    strategy: { id: 'random' },
    rounds: 1,
    controls: [Control.UNIFORM_PAPER],
    seed: 3n,
  };
}

function searches(model: string): readonly DeepPartial<SearchRequest>[] {
  const search = smallSearch(model);
  return [
    search,
    {
      ...search,
      recipes: [MAGNITUDE, CALIBRATED],
      objectives: [
        { metric: 'perplexity', weight: 1 },
        { metric: 'parameters', weight: 0.5 },
      ],
      strategy: { id: 'nsga2' },
      budgets: [],
      rounds: 2,
    },
  ];
}

function plannedSearches(model: string): readonly DeepPartial<SearchRequest>[] {
  const search = smallSearch(model);
  return [
    { ...search, refine: { importantShare: 0.3, unimportantShare: 0.3, flatMinRate: 0.2, flatMaxRate: 0.7 } },
    {
      ...search,
      budgets: [{ kind: BudgetKind.LATENCY_MS, limit: { $case: 'removedShare', value: 0.1 }, contextTokens: 64 }],
    },
  ];
}
