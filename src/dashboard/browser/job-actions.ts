import { hasEnded } from '../job-state.js';
import type { Job } from '../messages.js';
import type { Api } from './api.js';
import { confirm } from './confirm.js';
import { element } from './element.js';

export interface ActionSettings {
  readonly api: Api;
  readonly jobId: string;
  failed(error: unknown): void;
  /** With the job as it is after the action. */
  done(job: Job): void;
}

/** The buttons of a job, each of them shown when it can do something. */
export function createJobActions({ api, jobId, failed, done }: ActionSettings) {
  const cancel = element('button', { type: 'button', class: 'danger', hidden: true }, 'Cancel …');
  const resume = element('button', { type: 'button', hidden: true }, 'Resume …');
  const node = element('div', { class: 'actions' }, resume, cancel);
  const act = async (verb: 'cancel' | 'resume', buttons: readonly HTMLButtonElement[]): Promise<void> => {
    for (const button of buttons) button.disabled = true;
    try {
      const path = `/api/jobs/${encodeURIComponent(jobId)}/${verb}`;
      done((await api.post<{ job: Job }>(path)).job);
    } catch (error) {
      failed(error);
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  };
  const offer = (verb: 'cancel' | 'resume', button: HTMLButtonElement): void =>
    button.addEventListener('click', () => {
      void confirm(QUESTIONS[verb]).then((yes) => (yes ? act(verb, [cancel, resume]) : undefined));
    });
  offer('cancel', cancel);
  offer('resume', resume);
  let report: HTMLElement | undefined;
  return {
    node,
    show: ({ state }: Job): void => {
      cancel.hidden = hasEnded(state);
      resume.hidden = state !== 'JOB_STATE_PAUSED';
      if (report !== undefined) report.textContent = state === 'JOB_STATE_SUCCEEDED' ? 'Report' : 'Report so far';
    },
    addReport: (link: HTMLElement): void => {
      report = link;
      link.classList.add('button');
      node.prepend(link);
    },
  };
}

const QUESTIONS = {
  cancel: {
    title: 'Cancel this job?',
    text: 'It ends as cancelled and cannot be resumed. The labels that it has measured stay, and are not paid for again.',
    yes: 'Cancel the job',
    no: 'Let it run',
  },
  resume: {
    title: 'Resume this job?',
    text: 'It goes on where it stopped. A study that waits before its space is refined takes the proposed ranges; `prunecast jobs resume` takes others.',
    yes: 'Resume the job',
    no: 'Leave it',
  },
} as const;
