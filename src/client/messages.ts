/** The messages and enums of the public API, for callers of the client. */
export type { DeepPartial } from '../gen/prunecast/v1/common.js';
export { PluginKind } from '../gen/prunecast/v1/catalog.js';
export type { GetServerInfoRequest, GetServerInfoResponse, ListPluginsRequest, ListPluginsResponse, Plugin } from '../gen/prunecast/v1/catalog.js';
export { BudgetKind, DimensionKind, ExportTarget, Precision } from '../gen/prunecast/v1/common.js';
export type { Architecture, Budget, Calibration, Cost, Dimension, DimensionRange, DimensionRates, EncodingBatch, Fidelity, FidelitySpec, KeptUnits, LayerArchitecture, LayerKeptUnits, LayerList, Measurement, MeasurementSpec, PluginRef, Recipe, SearchSpaceSpec, Text, TokenIds, WindowProtocol } from '../gen/prunecast/v1/common.js';
export { JobKind, JobState } from '../gen/prunecast/v1/job.js';
export type { CancelJobRequest, CancelJobResponse, DeleteJobRequest, DeleteJobResponse, EvaluateResult, EvaluationResult, GetJobRequest, GetJobResponse, Job, JobEnded, JobEvent, JobHeartbeat, JobPaused, JobProgress, JobQueued, JobStarted, ListJobsRequest, ListJobsResponse, PruneResult, ResumeJobRequest, ResumeJobResponse, SamplePairsResult, SnappedRate, WatchJobRequest, WatchJobResponse } from '../gen/prunecast/v1/job.js';
export type { InspectModelRequest, InspectModelResponse, LoadRow, ScoreUnitsRequest, ScoreUnitsResponse } from '../gen/prunecast/v1/model.js';
export type { ExportPairsRequest, ExportPairsResponse, ImportPairsRequest, ImportPairsResponse, Pair, PairSet, SamplePairsRequest, SamplePairsResponse } from '../gen/prunecast/v1/pair.js';
export type { DeletePredictorRequest, DeletePredictorResponse, DimensionEffect, ExplainPredictorRequest, ExplainPredictorResponse, FitPredictorRequest, FitPredictorResponse, GetPredictorRequest, GetPredictorResponse, ListPredictorsRequest, ListPredictorsResponse, ProposeRefinementRequest, ProposeRefinementResponse } from '../gen/prunecast/v1/predictor.js';
export { PredictorFeatures } from '../gen/prunecast/v1/predictor_types.js';
export type { BackendScore, ErrorTable, FitQuality, LearningPoint, Predictor, RangeProposal } from '../gen/prunecast/v1/predictor_types.js';
export { Finish } from '../gen/prunecast/v1/pruning.js';
export type { BudgetList, Dense, EvaluateRequest, EvaluateResponse, EvaluateTarget, FeasibleRange, OutOfRange, PairPlan, Plan, PredictRequest, PredictResponse, PruneRequest, PruneResponse, RefinePlan, SearchRequest, SearchResponse, StudyTexts, VerifyPlan } from '../gen/prunecast/v1/pruning.js';
export type { GetStudyRequest, GetStudyResponse, ListTrialsRequest, ListTrialsResponse, MetricPrediction, Objective, QueryAnswer, QueryStudyRequest, QueryStudyResponse, Study } from '../gen/prunecast/v1/study.js';
export { StudyPhase, TextPart, TrialRole } from '../gen/prunecast/v1/study_types.js';
export type { CandidatesPredicted, Curve, Front, FrontPoint, FrontReference, Lift, Line, PhaseStarted, PhaseTokens, RecipeComparison, ReportRow, SpaceRefined, StudyEvent, StudyReport, Trial } from '../gen/prunecast/v1/study_types.js';
