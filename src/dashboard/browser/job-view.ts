import { applyToJob } from '../apply-to-job.js';
import { describeEvent } from '../describe-event.js';
import { hasEnded } from '../job-state.js';
import type { Job } from '../messages.js';
import { createEventLog } from './event-log.js';
import { element, setText } from './element.js';
import { followJob, type Link } from './follow-job.js';
import { createJobHead } from './job-head.js';
import { createJobProgress } from './job-progress.js';
import { createPhaseList } from './phase-list.js';
import { poll } from './poll.js';
import { createStudyCharts, type StudyCharts } from './study-charts.js';
import type { View } from './view.js';

/** One job, drawn live from its events; the server is asked for it as a whole every two seconds. */
export function showJob(jobId: string): View {
  return (root, context) => {
    const { api, failed, reached, signal } = context;
    const path = `/api/jobs/${encodeURIComponent(jobId)}`;
    const head = createJobHead({ api, jobId, failed, done: (next) => show(next) });
    const progress = createJobProgress();
    const phases = createPhaseList();
    const log = createEventLog();
    const figures = element('div');
    root.append(head.node, progress.node, figures, phases.node, log.node);
    let job: Job | undefined;
    let charts: StudyCharts | undefined;

    const show = (next: Job): void => {
      job = next;
      head.show(next);
      progress.show(next);
      phases.show(next.phases ?? []);
      const { studyId = '' } = next;
      if (studyId === '' || charts !== undefined) return;
      charts = createStudyCharts(studyId, context, ({ study }) => head.entitle(study.model ?? ''));
      figures.replaceChildren(charts.node);
    };
    const ask = async (): Promise<void> => {
      const answer = await api.get<{ job: Job }>(path, {}, signal);
      reached();
      const isFirst = job === undefined;
      // An event may have overtaken the answer.
      if (Number(answer.job.lastSequence ?? 0) >= Number(job?.lastSequence ?? 0)) show(answer.job);
      if (isFirst) void follow().catch((error: unknown) => (signal.aborted ? undefined : failed(error)));
    };
    const follow = async (): Promise<void> => {
      await followJob(
        api,
        jobId,
        {
          event: (event) => {
            log.add(event, describeEvent(event));
            charts?.apply(event);
            if (job !== undefined) show(applyToJob(job, event));
          },
          missed: (oldest) => log.note(`events before number ${oldest} are no longer kept`),
          link: (state) => setText(head.link, LINKS[state]),
        },
        signal,
      );
      await ask();
    };
    void poll(() => (job !== undefined && hasEnded(job.state) ? Promise.resolve() : ask()), {
      everyMs: 2000,
      failed,
      signal,
    });
  };
}

const LINKS: Readonly<Record<Link, string>> = {
  live: 'live',
  waiting: 'connection lost, trying again',
  hidden: '',
  ended: '',
};
