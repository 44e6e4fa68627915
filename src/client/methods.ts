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

/** Every method of the public API, by service, with the type of its request. */
export const METHODS = {
  pruning: {
    prune: defineMethod(PruningServiceService.prune, PruneRequest),
    planPrune: defineMethod(PruningServiceService.planPrune, PruneRequest),
    evaluate: defineMethod(PruningServiceService.evaluate, EvaluateRequest),
    planEvaluate: defineMethod(PruningServiceService.planEvaluate, EvaluateRequest),
    predict: defineMethod(PruningServiceService.predict, PredictRequest),
    search: defineMethod(PruningServiceService.search, SearchRequest),
    planSearch: defineMethod(PruningServiceService.planSearch, SearchRequest),
  },
  jobs: {
    getJob: defineMethod(JobServiceService.getJob, GetJobRequest),
    listJobs: defineMethod(JobServiceService.listJobs, ListJobsRequest),
    watchJob: defineMethod(JobServiceService.watchJob, WatchJobRequest),
    cancelJob: defineMethod(JobServiceService.cancelJob, CancelJobRequest),
    resumeJob: defineMethod(JobServiceService.resumeJob, ResumeJobRequest),
    deleteJob: defineMethod(JobServiceService.deleteJob, DeleteJobRequest),
  },
  studies: {
    getStudy: defineMethod(StudyServiceService.getStudy, GetStudyRequest),
    listStudies: defineMethod(StudyServiceService.listStudies, ListStudiesRequest),
    deleteStudy: defineMethod(StudyServiceService.deleteStudy, DeleteStudyRequest),
    listTrials: defineMethod(StudyServiceService.listTrials, ListTrialsRequest),
    queryStudy: defineMethod(StudyServiceService.queryStudy, QueryStudyRequest),
    getStudyReport: defineMethod(StudyServiceService.getStudyReport, GetStudyReportRequest),
  },
  pairs: {
    samplePairs: defineMethod(PairServiceService.samplePairs, SamplePairsRequest),
    importPairs: defineMethod(PairServiceService.importPairs, ImportPairsRequest),
    exportPairs: defineMethod(PairServiceService.exportPairs, ExportPairsRequest),
  },
  predictors: {
    fitPredictor: defineMethod(PredictorServiceService.fitPredictor, FitPredictorRequest),
    getPredictor: defineMethod(PredictorServiceService.getPredictor, GetPredictorRequest),
    listPredictors: defineMethod(PredictorServiceService.listPredictors, ListPredictorsRequest),
    deletePredictor: defineMethod(PredictorServiceService.deletePredictor, DeletePredictorRequest),
    explainPredictor: defineMethod(PredictorServiceService.explainPredictor, ExplainPredictorRequest),
    proposeRefinement: defineMethod(PredictorServiceService.proposeRefinement, ProposeRefinementRequest),
  },
  models: {
    listModels: defineMethod(ModelServiceService.listModels, ListModelsRequest),
    inspectModel: defineMethod(ModelServiceService.inspectModel, InspectModelRequest),
    scoreUnits: defineMethod(ModelServiceService.scoreUnits, ScoreUnitsRequest),
  },
  files: {
    listOutputs: defineMethod(FileServiceService.listOutputs, ListOutputsRequest),
    downloadOutput: defineMethod(FileServiceService.downloadOutput, DownloadOutputRequest),
    uploadFile: defineMethod(FileServiceService.uploadFile, UploadFileRequest),
    listUploads: defineMethod(FileServiceService.listUploads, ListUploadsRequest),
    deleteUpload: defineMethod(FileServiceService.deleteUpload, DeleteUploadRequest),
  },
  catalog: {
    listPlugins: defineMethod(CatalogServiceService.listPlugins, ListPluginsRequest),
    getServerInfo: defineMethod(CatalogServiceService.getServerInfo, GetServerInfoRequest),
  },
};
