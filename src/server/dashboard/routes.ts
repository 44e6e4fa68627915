/** A call of the API that the dashboard offers. */
export interface Route {
  readonly verb: 'GET' | 'POST';
  /** `/api/jobs/:job_id`: parts with a colon are fields of the request. */
  readonly path: string;
  /** The method that answers. */
  readonly method: string;
  /** `events`: the answers of a stream, as server-sent events; `page`: the HTML document in the answer. */
  readonly answer: 'one' | 'events' | 'page';
  /** Fields of the request that no caller chooses. */
  readonly fixed?: Readonly<Record<string, string>>;
}

const JOBS = 'prunecast.v1.JobService';
const STUDIES = 'prunecast.v1.StudyService';

/** All calls that a browser may make. Fields of a list's request come from the query: `?page_size=20`. */
export const ROUTES: readonly Route[] = [
  { verb: 'GET', path: '/api/jobs', method: `${JOBS}/ListJobs`, answer: 'one' },
  { verb: 'GET', path: '/api/jobs/:job_id', method: `${JOBS}/GetJob`, answer: 'one' },
  { verb: 'GET', path: '/api/jobs/:job_id/events', method: `${JOBS}/WatchJob`, answer: 'events' },
  { verb: 'POST', path: '/api/jobs/:job_id/cancel', method: `${JOBS}/CancelJob`, answer: 'one' },
  { verb: 'POST', path: '/api/jobs/:job_id/resume', method: `${JOBS}/ResumeJob`, answer: 'one' },
  { verb: 'GET', path: '/api/studies', method: `${STUDIES}/ListStudies`, answer: 'one' },
  { verb: 'GET', path: '/api/studies/:study_id', method: `${STUDIES}/GetStudy`, answer: 'one' },
  { verb: 'GET', path: '/api/studies/:study_id/trials', method: `${STUDIES}/ListTrials`, answer: 'one' },
  { verb: 'GET', path: '/api/studies/:study_id/report', method: `${STUDIES}/GetStudyReport`, answer: 'one' },
  {
    verb: 'GET',
    path: '/studies/:study_id/report.html',
    method: `${STUDIES}/GetStudyReport`,
    answer: 'page',
    fixed: { format: 'REPORT_FORMAT_HTML' },
  },
];

/** A route, and the fields that the path names. */
export interface Match {
  readonly route: Route;
  readonly fields: Readonly<Record<string, string>>;
}

/** The route of a path; `undefined` if there is none. */
export function matchRoute(verb: string | undefined, path: string): Match | undefined {
  const parts = path.split('/');
  for (const route of ROUTES) {
    if (route.verb !== verb) continue;
    const wanted = route.path.split('/');
    if (wanted.length !== parts.length) continue;
    const fields: Record<string, string> = {};
    const fits = wanted.every((want, index) => {
      const part = parts[index] ?? '';
      if (!want.startsWith(':')) return want === part;
      fields[want.slice(1)] = decode(part);
      return part !== '';
    });
    if (fits) return { route, fields };
  }
  return undefined;
}

/** What does not decode stays as it is: no id has that form. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
