import { AdminServiceService, GetLogLevelRequest, SetLogLevelRequest } from '../gen/prunecast/v1/admin.js';
import { CatalogServiceService, GetServerInfoRequest, ListPluginsRequest } from '../gen/prunecast/v1/catalog.js';
import {
  CancelJobRequest,
  DeleteJobRequest,
  GetJobRequest,
  JobServiceService,
  ListJobsRequest,
  ResumeJobRequest,
  WatchJobRequest,
} from '../gen/prunecast/v1/job.js';
import {
  DeleteUploadRequest,
  DownloadOutputRequest,
  FileServiceService,
  ListOutputsRequest,
  ListUploadsRequest,
  UploadFileRequest,
  VerifyOutputRequest,
} from '../gen/prunecast/v1/file.js';
import {
  InspectModelRequest,
  ListModelsRequest,
  ModelServiceService,
  ScoreUnitsRequest,
} from '../gen/prunecast/v1/model.js';
import {
  ExportPairsRequest,
  ImportPairsRequest,
  PairServiceService,
  SamplePairsRequest,
} from '../gen/prunecast/v1/pair.js';
import {
  DeletePredictorRequest,
  ExplainPredictorRequest,
  FitPredictorRequest,
  GetPredictorRequest,
  ListPredictorsRequest,
  PredictorServiceService,
  ProposeRefinementRequest,
} from '../gen/prunecast/v1/predictor.js';
import {
  EvaluateRequest,
  PredictRequest,
  PruneRequest,
  PruningServiceService,
  SearchRequest,
} from '../gen/prunecast/v1/pruning.js';
import {
  DeleteStudyRequest,
  GetStudyReportRequest,
  GetStudyRequest,
  ListStudiesRequest,
  ListTrialsRequest,
  QueryStudyRequest,
  StudyServiceService,
} from '../gen/prunecast/v1/study.js';
import { defineMethod } from './service.js';

/** Reads, and what is the same when it is asked for twice. */
const always = (): boolean => true;
/** The second of two calls would fail where the first did its work, or do it once more. */
const never = (): boolean => false;
/** A start that is repeated attaches to the job of the first one if both have the same id. */
const hasRequestId = ({ requestId = '' }: { readonly requestId?: string }): boolean => requestId !== '';

/**
 * Every method of the public API, by service, with the type of its request and whether it may be called again when nobody
 * knows what became of it. `proto/prunecast/v1/service_config.json` says the same to clients in other languages.
 */
export const METHODS = {
  pruning: {
    prune: defineMethod(PruningServiceService.prune, PruneRequest, hasRequestId),
    planPrune: defineMethod(PruningServiceService.planPrune, PruneRequest, always),
    evaluate: defineMethod(PruningServiceService.evaluate, EvaluateRequest, hasRequestId),
    planEvaluate: defineMethod(PruningServiceService.planEvaluate, EvaluateRequest, always),
    predict: defineMethod(PruningServiceService.predict, PredictRequest, always),
    search: defineMethod(PruningServiceService.search, SearchRequest, hasRequestId),
    planSearch: defineMethod(PruningServiceService.planSearch, SearchRequest, always),
  },
  jobs: {
    getJob: defineMethod(JobServiceService.getJob, GetJobRequest, always),
    listJobs: defineMethod(JobServiceService.listJobs, ListJobsRequest, always),
    watchJob: defineMethod(JobServiceService.watchJob, WatchJobRequest, always),
    cancelJob: defineMethod(JobServiceService.cancelJob, CancelJobRequest, always),
    resumeJob: defineMethod(JobServiceService.resumeJob, ResumeJobRequest, never),
    deleteJob: defineMethod(JobServiceService.deleteJob, DeleteJobRequest, never),
  },
  studies: {
    getStudy: defineMethod(StudyServiceService.getStudy, GetStudyRequest, always),
    listStudies: defineMethod(StudyServiceService.listStudies, ListStudiesRequest, always),
    deleteStudy: defineMethod(StudyServiceService.deleteStudy, DeleteStudyRequest, never),
    listTrials: defineMethod(StudyServiceService.listTrials, ListTrialsRequest, always),
    queryStudy: defineMethod(StudyServiceService.queryStudy, QueryStudyRequest, always),
    getStudyReport: defineMethod(StudyServiceService.getStudyReport, GetStudyReportRequest, always),
  },
  pairs: {
    samplePairs: defineMethod(PairServiceService.samplePairs, SamplePairsRequest, ({ search }) =>
      hasRequestId(search ?? {}),
    ),
    importPairs: defineMethod(PairServiceService.importPairs, ImportPairsRequest, never),
    exportPairs: defineMethod(PairServiceService.exportPairs, ExportPairsRequest, always),
  },
  predictors: {
    fitPredictor: defineMethod(PredictorServiceService.fitPredictor, FitPredictorRequest, hasRequestId),
    getPredictor: defineMethod(PredictorServiceService.getPredictor, GetPredictorRequest, always),
    listPredictors: defineMethod(PredictorServiceService.listPredictors, ListPredictorsRequest, always),
    deletePredictor: defineMethod(PredictorServiceService.deletePredictor, DeletePredictorRequest, never),
    explainPredictor: defineMethod(PredictorServiceService.explainPredictor, ExplainPredictorRequest, always),
    proposeRefinement: defineMethod(PredictorServiceService.proposeRefinement, ProposeRefinementRequest, always),
  },
  models: {
    listModels: defineMethod(ModelServiceService.listModels, ListModelsRequest, always),
    inspectModel: defineMethod(ModelServiceService.inspectModel, InspectModelRequest, always),
    scoreUnits: defineMethod(ModelServiceService.scoreUnits, ScoreUnitsRequest, always),
  },
  files: {
    listOutputs: defineMethod(FileServiceService.listOutputs, ListOutputsRequest, always),
    verifyOutput: defineMethod(FileServiceService.verifyOutput, VerifyOutputRequest, always),
    downloadOutput: defineMethod(FileServiceService.downloadOutput, DownloadOutputRequest, always),
    uploadFile: defineMethod(FileServiceService.uploadFile, UploadFileRequest, never),
    listUploads: defineMethod(FileServiceService.listUploads, ListUploadsRequest, always),
    deleteUpload: defineMethod(FileServiceService.deleteUpload, DeleteUploadRequest, never),
  },
  catalog: {
    listPlugins: defineMethod(CatalogServiceService.listPlugins, ListPluginsRequest, always),
    getServerInfo: defineMethod(CatalogServiceService.getServerInfo, GetServerInfoRequest, always),
  },
  admin: {
    getLogLevel: defineMethod(AdminServiceService.getLogLevel, GetLogLevelRequest, always),
    setLogLevel: defineMethod(AdminServiceService.setLogLevel, SetLogLevelRequest, always),
  },
};
