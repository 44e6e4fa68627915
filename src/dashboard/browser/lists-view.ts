import { shareOf, summarizeProgress } from '../describe-progress.js';
import { formatCount, formatDuration } from '../../words/format.js';
import { formatEnum, formatTime } from '../format.js';
import { hasEnded } from '../job-state.js';
import type { Job, StudySummary } from '../messages.js';
import { element, setText } from './element.js';
import type { Row } from './keyed-rows.js';
import { createListSection } from './list-section.js';
import { poll } from './poll.js';
import { createProgressBar } from './progress-bar.js';
import { createReportLink } from './report-link.js';
import { createStateBadge } from './state-badge.js';
import type { View } from './view.js';

/** How many items a page of a list has. */
const PAGE_SIZE = '50';

/** The lists of jobs and of studies, newest first, renewed every two seconds. */
export const showLists: View = (root, { api, failed, reached, signal }) => {
  const jobs = createListSection<Job>({
    title: 'Jobs',
    none: 'No job yet. Start one with `prunecast search`, and it shows up here.',
    columns: ['Job', 'State', 'Progress', 'Step ends in', 'Made'],
    ask: async (page_token) => {
      const page = await api.get<{ jobs?: Job[]; nextPageToken?: string }>('/api/jobs', query(page_token), signal);
      return { items: page.jobs ?? [], nextPageToken: page.nextPageToken ?? '' };
    },
    make: makeJobRow,
    failed,
  });
  const studies = createListSection<StudySummary>({
    title: 'Studies',
    none: 'No study yet: a search makes one.',
    columns: ['Study', 'Model', 'State', 'Labels', 'Made', 'Report'],
    ask: async (page_token) => {
      const path = '/api/studies';
      const page = await api.get<{ studies?: StudySummary[]; nextPageToken?: string }>(path, query(page_token), signal);
      return { items: page.studies ?? [], nextPageToken: page.nextPageToken ?? '' };
    },
    make: (study) => makeStudyRow(study, createReportLink(api, study.id, failed)),
    failed,
  });
  root.append(element('h1', {}, 'Jobs and studies'), jobs.node, studies.node);
  const ask = async (): Promise<void> => {
    await Promise.all([jobs.renew(), studies.renew()]);
    reached();
  };
  void poll(ask, { everyMs: 2000, failed, signal });
};

function query(pageToken: string): Readonly<Record<string, string>> {
  return { page_size: PAGE_SIZE, ...(pageToken === '' ? {} : { page_token: pageToken }) };
}

function makeJobRow({ id, kind, createTime }: Job): Row<Job> {
  const badge = createStateBadge();
  const bar = createProgressBar(`Progress of ${id}`);
  const left = cell('Step ends in');
  const link = element('a', { href: `#/jobs/${encodeURIComponent(id)}` }, formatEnum(kind, 'JOB_KIND_'));
  return {
    node: element(
      'tr',
      {},
      cell('Job', link, element('span', { class: 'id' }, id)),
      cell('State', badge.node),
      cell('Progress', bar.node),
      left,
      cell('Made', createTime === undefined ? '' : formatTime(createTime)),
    ),
    show: (job) => {
      const running = job.state === 'JOB_STATE_RUNNING' ? job.progress : undefined;
      badge.show(job.state);
      bar.show(summarizeProgress(job), running && { share: running.overall ?? shareOf(running) });
      const seconds = running?.remainingSeconds;
      setText(left, seconds === undefined ? '' : formatDuration(seconds));
    },
  };
}

function makeStudyRow(
  { id, jobId = '', model = '', createTime }: StudySummary,
  report: HTMLElement,
): Row<StudySummary> {
  const badge = createStateBadge();
  const labels = cell('Labels');
  const name = jobId === '' ? id : element('a', { href: `#/jobs/${encodeURIComponent(jobId)}` }, id);
  return {
    node: element(
      'tr',
      {},
      cell('Study', name),
      cell('Model', model),
      cell('State', badge.node),
      labels,
      cell('Made', createTime === undefined ? '' : formatTime(createTime)),
      cell('Report', report),
    ),
    show: ({ state, trials = 0 }) => {
      badge.show(state);
      setText(labels, formatCount(trials));
      report.hidden = !hasEnded(state);
    },
  };
}

/** A cell that says its column where the table has no head: on narrow screens. */
function cell(column: string, ...children: readonly (Node | string)[]): HTMLTableCellElement {
  return element('td', { 'data-column': column }, ...children);
}
