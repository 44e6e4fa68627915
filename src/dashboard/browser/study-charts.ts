import { chartLabels, chartPredictions } from '../chart-study.js';
import { applyEvent, applyOverview, UNKNOWN_STUDY } from '../live-study.js';
import type { JobEvent, StudyOverview } from '../messages.js';
import { createFigure } from './figure.js';
import { element } from './element.js';
import { pause } from './follow-job.js';
import type { ViewContext } from './view.js';

/** The server is asked for the whole of a study at most so often, and for at most a tenth of its time. */
const LEAST_WAIT_MS = 2000;

/** The charts of a study. */
export interface StudyCharts {
  readonly node: HTMLElement;
  apply(event: JobEvent): void;
}

/**
 * The charts of a study, which grow with the events of its job.
 *
 * @param told called with each answer of the server
 */
export function createStudyCharts(
  studyId: string,
  { api, failed, signal }: ViewContext,
  told: (overview: StudyOverview) => void,
): StudyCharts {
  let study = UNKNOWN_STUDY;
  let isStale = true;
  let isDrawn = false;
  const progress = createFigure('Best so far over tokens');
  const predictions = createFigure('Predicted against measured');
  const draw = (): void => {
    if (isDrawn) return;
    isDrawn = true;
    requestAnimationFrame(() => {
      isDrawn = false;
      progress.show(chartLabels(study));
      predictions.show(chartPredictions(study));
    });
  };
  const renew = async (): Promise<void> => {
    while (!signal.aborted) {
      const startMs = performance.now();
      if (isStale && !document.hidden) {
        isStale = false;
        try {
          const path = `/api/studies/${encodeURIComponent(studyId)}/report`;
          const { overview } = await api.get<{ overview: StudyOverview }>(path, {}, signal);
          study = applyOverview(study, overview);
          told(overview);
          draw();
        } catch (error) {
          isStale = true;
          if (!signal.aborted) failed(error);
        }
      }
      await pause(Math.max(LEAST_WAIT_MS, 9 * (performance.now() - startMs)), signal);
    }
  };
  void renew();
  return {
    node: element('div', { class: 'figures' }, progress.node, predictions.node),
    apply: (event) => {
      if (event.study === undefined && event.ended === undefined) return;
      isStale = true;
      const next = applyEvent(study, event);
      if (next === study) return;
      study = next;
      draw();
    },
  };
}
