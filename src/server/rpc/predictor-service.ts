import { PredictorServiceService, type FitPredictorRequest } from '../../gen/prunecast/v1/predictor.js';
import type { Jobs } from '../jobs/jobs.js';
import { startKind, type RunnableKind } from '../kinds/runnable-kind.js';
import { answerRefinement, type RefinementServices } from '../predictors/answer-refinement.js';
import { explainPredictor } from '../predictors/explain-predictor.js';
import type { FitServices } from '../predictors/prepare-fit.js';
import type { PredictorRecords } from '../records/predictor-records.js';
import { attend } from './attend.js';
import { readPageSize, requireText } from '../requests/fields.js';
import { encodeJob } from '../records/job-records.js';
import { defineService, type RpcService } from './rpc-service.js';

export interface PredictorServices extends FitServices, RefinementServices {
  readonly kinds: { readonly fitPredictor: RunnableKind<FitPredictorRequest> };
  readonly jobs: Jobs;
  readonly predictorStore: PredictorRecords;
}

/** `PredictorService`: fitted predictors. */
export function createPredictorService(services: PredictorServices): RpcService {
  const { kinds, jobs, predictorStore } = services;
  return defineService(PredictorServiceService, {
    fitPredictor: async (request, context) => {
      const { jobId } = await startKind(jobs, kinds.fitPredictor, request, {
        signal: context.signal,
        caller: context.caller,
        origin: context.origin,
        progress: () => undefined,
      });
      context.jobId = jobId;
      return { job: encodeJob(await jobs.get(jobId)) };
    },
    getPredictor: async (request) => ({
      predictor: (await predictorStore.get(requireText(request.predictorId, 'predictor_id'))).predictor,
    }),
    listPredictors: async ({ studyId, pageSize, pageToken }) => {
      const { values, nextPageToken } = await predictorStore.list({
        studyId,
        pageSize: readPageSize(pageSize),
        pageToken,
      });
      return { predictors: [...values], nextPageToken };
    },
    deletePredictor: async (request) => {
      await services.predictors.remove(requireText(request.predictorId, 'predictor_id'));
      return {};
    },
    explainPredictor: (request, { signal }) => explainPredictor(services, request, signal),
    proposeRefinement: (request, { signal }) => answerRefinement(attend(services, { signal }), request, signal),
  });
}
