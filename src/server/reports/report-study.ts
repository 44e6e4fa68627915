import { composeReport } from '../../report/compose-report.js';
import { writeHtml } from '../../report/write-html.js';
import { writeMarkdown } from '../../report/write-markdown.js';
import { ReportFormat, type GetStudyReportResponse } from '../../gen/prunecast/v1/study.js';
import { overviewStudy, type OverviewServices } from './overview-study.js';
import { relatePaths } from './relate-paths.js';
import { readPageScript } from './page-script.js';

export interface ReportServices extends OverviewServices {
  /** Folders that documents name paths relative to. */
  readonly roots: readonly string[];
}

/**
 * The report of a study as it stands now, written in a format if one is given. A document has no absolute paths of what
 * lies under a root; the overview has all as the request named it.
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
  const report = composeReport(relatePaths(overview, services.roots));
  return {
    overview,
    document: format === ReportFormat.MARKDOWN ? writeMarkdown(report) : writeHtml(report, await readPageScript()),
  };
}
