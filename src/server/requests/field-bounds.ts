import type { FieldBound } from './field-bound.js';

/** Ids, digests and names that the server makes, and those that callers send for them. */
const IDENTIFIER = { characters: 128 } as const;
/** The longest path on Linux. */
const PATH = { characters: 4096 } as const;
/** Of jobs. The bound of characters is for names and values. */
const LABELS = { entries: 16, ...IDENTIFIER } as const;
const PAGE_SIZE = { min: 0, max: 1000 } as const;
/** A page token that holds a path, in base64. */
const NAMED_PAGE = { characters: 8192 } as const;
/** Of a file, as far as a double holds it exactly. */
const FILE_BYTES = { min: 0, max: Number.MAX_SAFE_INTEGER } as const;
/** An int64, as far as a double holds it exactly. */
const SEED = { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER } as const;
const RATE = { min: 0, max: 1 } as const;
const SPACE_RATE = { ...RATE, reason: 'SPACE_INVALID' } as const;
const SHARE = { min: 0, max: 1 } as const;

/** The deepest known models have about 130 layers; each layer has at most three dimensions. */
const LAYERS = 1024;
const DIMENSIONS = 4096;
/** Llama 3.1 405B has 53,248 channels and 128 query heads. */
const CHANNELS = 1_048_576;
const HEADS = 65_536;
/** Longer than the context of any supported model; the model's own `max_position_embeddings` is a limit too. */
const TOKENS = 1_048_576;
const BUDGETS = 16;
/** Beside the first one. */
const MEASUREMENTS = 8;
/** Forms of one output. */
const EXPORTS = 8;
/** Names that a request gives. */
const NAME = { characters: 64 } as const;
const RUNGS = 16;
/** The most rows of one Predict. */
const PREDICT_ROWS = 10_000;
/** The most pairs of ImportPairs. */
const PAIRS = 100_000;
/** Options of a plug-in. The largest of the built-in ones have a few dozen values. */
const OPTIONS = { bytes: 65_536, values: 5000, depth: 16 } as const;
/** A prunecast.json; earlier versions list each kept unit. */
const MANIFEST = { bytes: 4_000_000, values: 350_000, depth: 16 } as const;

/**
 * The bound of every text, bytes, number and repeated field that a request can hold, by the field's full name. What
 * depends on the model (its layers, dimensions, vocabulary, positions) is also checked when the model is open.
 *
 * A test fails for a field without a bound, and for one whose comment in the proto does not end with the bound's
 * sentence.
 */
export const FIELD_BOUNDS: Readonly<Record<string, FieldBound>> = {
  'prunecast.v1.PluginRef.id': IDENTIFIER,
  'prunecast.v1.PluginRef.options': OPTIONS,
  'prunecast.v1.Text.path': PATH,
  'prunecast.v1.Text.inline': { characters: 4_000_000 },
  'prunecast.v1.Text.field': { characters: 256 },
  'prunecast.v1.TokenIds.ids': { entries: 1_048_576, min: 0, max: 2 ** 31 - 1 },
  'prunecast.v1.LayerArchitecture.kv_heads': { min: 0, max: HEADS, reason: 'ARCHITECTURE_INVALID' },
  'prunecast.v1.LayerArchitecture.query_heads_per_kv': { min: 0, max: HEADS, reason: 'ARCHITECTURE_INVALID' },
  'prunecast.v1.LayerArchitecture.ffn_channels': { min: 0, max: CHANNELS, reason: 'ARCHITECTURE_INVALID' },
  'prunecast.v1.Architecture.layers': { entries: LAYERS },
  'prunecast.v1.LayerKeptUnits.kv_groups': { bytes: HEADS / 8, reason: 'ARCHITECTURE_INVALID' },
  'prunecast.v1.LayerKeptUnits.query_heads': { bytes: HEADS / 8, reason: 'ARCHITECTURE_INVALID' },
  'prunecast.v1.LayerKeptUnits.ffn_channels': { bytes: CHANNELS / 8, reason: 'ARCHITECTURE_INVALID' },
  'prunecast.v1.KeptUnits.layers': { entries: LAYERS },
  'prunecast.v1.DimensionRates.rates': { entries: DIMENSIONS, ...SPACE_RATE },
  'prunecast.v1.Recipe.seed': SEED,
  'prunecast.v1.Calibration.sequences': { min: 1, max: 10_000 },
  'prunecast.v1.Calibration.stream_sequences': { min: 1, max: 10_000 },
  'prunecast.v1.Calibration.sequence_tokens': { min: 2, max: TOKENS },
  'prunecast.v1.WindowProtocol.window': { min: 2, max: TOKENS },
  'prunecast.v1.WindowProtocol.stride': { min: 1, max: TOKENS },
  'prunecast.v1.MeasurementSpec.name': NAME,
  'prunecast.v1.FidelitySpec.token_limit': { min: 1, max: 1e12 },
  'prunecast.v1.Budget.at_most': { above: 0, max: 1e15 },
  'prunecast.v1.Budget.removed_share': { above: 0, below: 1 },
  'prunecast.v1.Budget.context_tokens': { min: 0, max: TOKENS },
  'prunecast.v1.Budget.bytes_per_number': { min: 1, max: 16 },
  'prunecast.v1.LayerList.layers': { entries: LAYERS, min: 0, max: LAYERS - 1, reason: 'SPACE_INVALID' },
  'prunecast.v1.SearchSpaceSpec.kinds': { entries: 16 },
  'prunecast.v1.SearchSpaceSpec.min_rate': SPACE_RATE,
  'prunecast.v1.SearchSpaceSpec.max_rate': SPACE_RATE,
  'prunecast.v1.SearchSpaceSpec.rate_step': { min: 0.0001, max: 1, reason: 'SPACE_INVALID' },
  'prunecast.v1.SearchSpaceSpec.channel_multiple': { min: 1, max: CHANNELS, reason: 'SPACE_INVALID' },
  'prunecast.v1.SearchSpaceSpec.tie_run': { min: 1, max: LAYERS, reason: 'SPACE_INVALID' },
  'prunecast.v1.SearchSpaceSpec.ranges': { entries: DIMENSIONS },
  'prunecast.v1.DimensionRange.dimension': IDENTIFIER,
  'prunecast.v1.DimensionRange.min_rate': SPACE_RATE,
  'prunecast.v1.DimensionRange.max_rate': SPACE_RATE,
  'prunecast.v1.EncodingBatch.rates': { bytes: 4_000_000 },
  'prunecast.v1.EncodingBatch.dimensions': { min: 0, max: DIMENSIONS },

  'prunecast.v1.GetJobRequest.job_id': IDENTIFIER,
  'prunecast.v1.ListJobsRequest.page_size': PAGE_SIZE,
  'prunecast.v1.ListJobsRequest.page_token': IDENTIFIER,
  'prunecast.v1.ListJobsRequest.labels': LABELS,
  'prunecast.v1.WatchJobRequest.job_id': IDENTIFIER,
  'prunecast.v1.WatchJobRequest.after_sequence': { min: 0, max: Number.MAX_SAFE_INTEGER },
  'prunecast.v1.CancelJobRequest.job_id': IDENTIFIER,
  'prunecast.v1.ResumeJobRequest.job_id': IDENTIFIER,
  'prunecast.v1.ResumeJobRequest.ranges': { entries: DIMENSIONS },
  'prunecast.v1.DeleteJobRequest.job_id': IDENTIFIER,

  'prunecast.v1.ListOutputsRequest.folder': PATH,
  'prunecast.v1.ListOutputsRequest.page_size': PAGE_SIZE,
  'prunecast.v1.ListOutputsRequest.page_token': NAMED_PAGE,
  'prunecast.v1.DownloadOutputRequest.output': PATH,
  'prunecast.v1.DownloadOutputRequest.file': PATH,
  'prunecast.v1.DownloadOutputRequest.offset': FILE_BYTES,
  'prunecast.v1.VerifyOutputRequest.output': PATH,
  'prunecast.v1.VerifyOutputRequest.model': PATH,
  'prunecast.v1.UploadFileRequest.chunk': { bytes: 1_048_576 },
  'prunecast.v1.UploadFolderFile.path': { characters: 1024 },
  'prunecast.v1.UploadStart.name': IDENTIFIER,
  'prunecast.v1.UploadStart.digest': IDENTIFIER,
  'prunecast.v1.UploadStart.bytes': FILE_BYTES,
  'prunecast.v1.ListUploadsRequest.page_size': PAGE_SIZE,
  'prunecast.v1.ListUploadsRequest.page_token': NAMED_PAGE,
  'prunecast.v1.DeleteUploadRequest.path': PATH,

  'prunecast.v1.ListModelsRequest.folder': PATH,
  'prunecast.v1.ListModelsRequest.page_size': PAGE_SIZE,
  'prunecast.v1.ListModelsRequest.page_token': NAMED_PAGE,
  'prunecast.v1.InspectModelRequest.model': PATH,
  'prunecast.v1.ScoreUnitsRequest.model': PATH,

  'prunecast.v1.Pair.rates': { entries: DIMENSIONS, ...RATE, deferred: true },
  'prunecast.v1.Pair.metrics': { entries: 64, ...IDENTIFIER, deferred: true },
  'prunecast.v1.Pair.recipe_digest': IDENTIFIER,
  'prunecast.v1.PairSet.dimensions': { entries: DIMENSIONS, ...IDENTIFIER },
  'prunecast.v1.PairSet.model': PATH,
  'prunecast.v1.PairSet.checkpoint_digest': IDENTIFIER,
  'prunecast.v1.PairSet.measurement_fingerprint': IDENTIFIER,
  'prunecast.v1.PairSet.fidelity_digest': IDENTIFIER,
  'prunecast.v1.PairSet.pairs': { entries: PAIRS },
  'prunecast.v1.ExportPairsRequest.study_id': IDENTIFIER,

  'prunecast.v1.FitPredictorRequest.request_id': IDENTIFIER,
  'prunecast.v1.FitPredictorRequest.study_id': IDENTIFIER,
  'prunecast.v1.FitPredictorRequest.seed': SEED,
  'prunecast.v1.FitPredictorRequest.metrics': { entries: 16, ...IDENTIFIER },
  'prunecast.v1.FitPredictorRequest.error_tables': { entries: DIMENSIONS },
  'prunecast.v1.FitPredictorRequest.unseen_pairs': { entries: PAIRS, min: 0, max: PAIRS - 1 },
  'prunecast.v1.ErrorTable.dimension': IDENTIFIER,
  'prunecast.v1.ErrorTable.errors': { entries: CHANNELS + 1, min: 0, max: 1e30 },
  'prunecast.v1.ErrorTable.counts': { entries: CHANNELS + 1, min: 0, max: CHANNELS },
  'prunecast.v1.FitPredictorRequest.labels': LABELS,
  'prunecast.v1.GetPredictorRequest.predictor_id': IDENTIFIER,
  'prunecast.v1.ListPredictorsRequest.study_id': IDENTIFIER,
  'prunecast.v1.ListPredictorsRequest.page_size': PAGE_SIZE,
  'prunecast.v1.ListPredictorsRequest.page_token': IDENTIFIER,
  'prunecast.v1.DeletePredictorRequest.predictor_id': IDENTIFIER,
  'prunecast.v1.ExplainPredictorRequest.predictor_id': IDENTIFIER,
  'prunecast.v1.ExplainPredictorRequest.points': { min: 0, max: 101 },
  'prunecast.v1.ExplainPredictorRequest.metric': IDENTIFIER,
  'prunecast.v1.ProposeRefinementRequest.predictor_id': IDENTIFIER,
  'prunecast.v1.ProposeRefinementRequest.model': PATH,
  'prunecast.v1.ProposeRefinementRequest.metric': IDENTIFIER,

  'prunecast.v1.PruneRequest.request_id': IDENTIFIER,
  'prunecast.v1.PruneRequest.model': PATH,
  'prunecast.v1.PruneRequest.uniform_rate': RATE,
  'prunecast.v1.PruneRequest.manifest': MANIFEST,
  'prunecast.v1.PruneRequest.earlier_output': PATH,
  'prunecast.v1.PruneRequest.output': PATH,
  'prunecast.v1.PruneRequest.labels': LABELS,
  'prunecast.v1.PruneRequest.exports': { entries: EXPORTS },
  'prunecast.v1.ExportSpec.name': NAME,
  'prunecast.v1.BudgetList.budgets': { entries: BUDGETS },
  'prunecast.v1.EvaluateRequest.request_id': IDENTIFIER,
  'prunecast.v1.EvaluateRequest.model': PATH,
  'prunecast.v1.EvaluateRequest.targets': { entries: 1000 },
  'prunecast.v1.EvaluateRequest.further_measurements': { entries: MEASUREMENTS },
  'prunecast.v1.EvaluateRequest.labels': LABELS,
  'prunecast.v1.EvaluateTarget.uniform_rate': RATE,
  'prunecast.v1.EvaluateTarget.manifest': MANIFEST,
  'prunecast.v1.EvaluateTarget.earlier_output': PATH,
  'prunecast.v1.PredictRequest.predictor_id': IDENTIFIER,
  'prunecast.v1.PredictRequest.recipe_digest': IDENTIFIER,
  'prunecast.v1.PredictRequest.architectures': { entries: PREDICT_ROWS },
  'prunecast.v1.SearchRequest.request_id': IDENTIFIER,
  'prunecast.v1.SearchRequest.model': PATH,
  'prunecast.v1.SearchRequest.recipes': { entries: 16 },
  'prunecast.v1.SearchRequest.budgets': { entries: BUDGETS },
  'prunecast.v1.SearchRequest.objectives': { entries: 16 },
  'prunecast.v1.SearchRequest.candidates': { min: 1, max: 1_000_000 },
  'prunecast.v1.SearchRequest.output': PATH,
  'prunecast.v1.SearchRequest.seed': SEED,
  'prunecast.v1.SearchRequest.pause_before': { entries: 16 },
  'prunecast.v1.SearchRequest.rounds': { min: 1, max: 100 },
  'prunecast.v1.SearchRequest.controls': { entries: 16 },
  'prunecast.v1.SearchRequest.further_measurements': { entries: MEASUREMENTS },
  'prunecast.v1.SearchRequest.labels': LABELS,
  'prunecast.v1.SearchRequest.exports': { entries: EXPORTS },
  'prunecast.v1.StudyMeasurement.name': NAME,
  'prunecast.v1.PairPlan.count': { min: 1, max: PAIRS },
  'prunecast.v1.PairPlan.tied_count': { min: 0, max: PAIRS },
  'prunecast.v1.PairPlan.tie_run': { min: 1, max: LAYERS },
  'prunecast.v1.PairPlan.rungs': { entries: RUNGS },
  'prunecast.v1.PairPlan.band': SHARE,
  'prunecast.v1.PairPlan.inside_count': { min: 0, max: PAIRS },
  'prunecast.v1.PairPlan.sparse_count': { min: 0, max: PAIRS },
  'prunecast.v1.PairPlan.near_count': { min: 0, max: PAIRS },
  'prunecast.v1.VerifyPlan.count': { min: 1, max: 1000 },
  'prunecast.v1.VerifyPlan.rungs': { entries: RUNGS },
  'prunecast.v1.RefinePlan.important_share': SHARE,
  'prunecast.v1.RefinePlan.unimportant_share': SHARE,
  'prunecast.v1.RefinePlan.flat_min_rate': SHARE,
  'prunecast.v1.RefinePlan.flat_max_rate': SHARE,

  'prunecast.v1.GetStudyRequest.study_id': IDENTIFIER,
  'prunecast.v1.ListStudiesRequest.page_size': PAGE_SIZE,
  'prunecast.v1.ListStudiesRequest.page_token': IDENTIFIER,
  'prunecast.v1.DeleteStudyRequest.study_id': IDENTIFIER,
  'prunecast.v1.ListTrialsRequest.study_id': IDENTIFIER,
  'prunecast.v1.ListTrialsRequest.page_size': PAGE_SIZE,
  'prunecast.v1.ListTrialsRequest.page_token': IDENTIFIER,
  'prunecast.v1.QueryStudyRequest.study_id': IDENTIFIER,
  'prunecast.v1.QueryStudyRequest.budgets': { entries: BUDGETS },
  'prunecast.v1.QueryStudyRequest.objectives': { entries: 16 },
  'prunecast.v1.QueryStudyRequest.count': { min: 0, max: 100 },
  'prunecast.v1.GetStudyReportRequest.study_id': IDENTIFIER,
  'prunecast.v1.Objective.metric': IDENTIFIER,
  'prunecast.v1.Objective.weight': { above: 0, max: 1_000_000 },
  'prunecast.v1.Objective.limit': { min: -1e15, max: 1e15 },

  'prunecast.v1.SetLogLevelRequest.seconds': { min: 0, max: 604_800 },

  'grpc.health.v1.HealthCheckRequest.service': { characters: 256 },
  'grpc.reflection.v1.ServerReflectionRequest.host': { characters: 256 },
  'grpc.reflection.v1.ServerReflectionRequest.file_by_filename': { characters: 256 },
  'grpc.reflection.v1.ServerReflectionRequest.file_containing_symbol': { characters: 256 },
  'grpc.reflection.v1.ServerReflectionRequest.all_extension_numbers_of_type': { characters: 256 },
  'grpc.reflection.v1.ServerReflectionRequest.list_services': { characters: 256 },
  'grpc.reflection.v1.ExtensionRequest.containing_type': { characters: 256 },
  'grpc.reflection.v1.ExtensionRequest.extension_number': { min: -(2 ** 31), max: 2 ** 31 - 1 },
};
