import { composeReport } from '../../report/compose-report.js';
import { writeHtml } from '../../report/write-html.js';
import { writeMarkdown } from '../../report/write-markdown.js';
import { ReportFormat, type GetStudyReportResponse } from '../../gen/prunecast/v1/study.js';
import { overviewStudy, type OverviewServices } from './overview-study.js';
import { readPageScript } from './page-script.js';

export type ReportServices = OverviewServices;

/**
 * The report of a study as it stands now, written in a format if one is given.
 *
 * @throws PrunecastError STUDY_NOT_FOUND, STATE_DAMAGED
 */
export async function reportStudy(
  services: ReportServices,
  studyId: string,
  format: ReportFormat | undefined,
): Promise<GetStudyReportResponse> {
  const overview = await overviewStudy(services, studyId);
  if (format === undefined) return { overview, document: '' };
  const report = composeReport(overview);
  return {
    overview,
    document: format === ReportFormat.MARKDOWN ? writeMarkdown(report) : writeHtml(report, await readPageScript()),
  };
}
