import { formatEnum } from '../format.js';
import type { Job } from '../messages.js';
import { element, setText } from './element.js';
import { createJobActions, type ActionSettings } from './job-actions.js';
import { createReportLink } from './report-link.js';
import { createStateBadge } from './state-badge.js';

/** What a job is, where it stands, and what can be done with it. */
export interface JobHead {
  readonly node: HTMLElement;
  /** For how the job is followed. */
  readonly link: HTMLElement;
  show(job: Job): void;
  /** Names the model that the job is about. */
  entitle(model: string): void;
}

export function createJobHead(settings: ActionSettings): JobHead {
  const { api, jobId, failed } = settings;
  const title = element('h1', {}, 'Job');
  const badge = createStateBadge();
  const link = element('span', { class: 'soft' });
  const actions = createJobActions(settings);
  const error = element('p', { class: 'error', hidden: true });
  let kind = '';
  let reportOf = '';
  const entitle = (words: string): void => {
    setText(title, words);
    document.title = `${words} – Prunecast`;
  };
  return {
    node: element(
      'section',
      {},
      element('nav', { 'aria-label': 'Back' }, element('a', { href: '#/' }, '← All jobs and studies')),
      title,
      element('p', { class: 'id' }, jobId),
      element('div', { class: 'bar' }, badge.node, link, actions.node),
      error,
    ),
    link,
    entitle: (model) => entitle(model === '' ? kind : `${kind} of ${model}`),
    show: (job) => {
      if (kind === '') {
        const name = formatEnum(job.kind, 'JOB_KIND_');
        kind = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
        entitle(kind);
      }
      const { studyId = '' } = job;
      if (studyId !== reportOf) {
        reportOf = studyId;
        actions.addReport(createReportLink(api, studyId, failed));
      }
      badge.show(job.state);
      actions.show(job);
      const reason = job.error?.message ?? '';
      error.hidden = reason === '';
      setText(error, reason);
    },
  };
}
