import { StudyServiceService } from '../../gen/prunecast/v1/study.js';
import { answerQuery, type QueryServices } from '../studies/answer-query.js';
import { deleteStudy, listStudies } from '../studies/list-studies.js';
import { describeStudy, type StudyServices } from '../studies/describe-study.js';
import type { ReportServices } from '../reports/report-study.js';
import { attend } from './attend.js';
import { readEnum, readPageSize, requireText } from '../requests/fields.js';
import { defineService, type RpcService } from './rpc-service.js';

/** `StudyService`: what a Search job makes. */
export function createStudyService(services: StudyServices & QueryServices & ReportServices): RpcService {
  return defineService(StudyServiceService, {
    getStudy: async (request) => ({
      study: await describeStudy(services, requireText(request.studyId, 'study_id')),
    }),
    listStudies: (request) =>
      listStudies(services, { pageSize: readPageSize(request.pageSize), pageToken: request.pageToken }),
    deleteStudy: async (request) => {
      await deleteStudy(services, requireText(request.studyId, 'study_id'));
      return {};
    },
    listTrials: async (request) => {
      const studyId = requireText(request.studyId, 'study_id');
      await services.studies.get(studyId);
      const { values, nextPageToken } = await services.studies.listTrials(studyId, {
        role: readEnum(request.role),
        pageSize: readPageSize(request.pageSize),
        pageToken: request.pageToken,
      });
      return { trials: [...values], nextPageToken };
    },
    queryStudy: (request, context) =>
      answerQuery(attend(services, context), request, { caller: context.caller, signal: context.signal }),
    getStudyReport: async (request) => {
      const studyId = requireText(request.studyId, 'study_id');
      const { reportStudy } = await import('../reports/report-study.js'); // all that writes reports
      return reportStudy(services, studyId, readEnum(request.format));
    },
  });
}
