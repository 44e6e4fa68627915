import type { ScatterChart, StepChart } from '../charts/chart.js';
import { measureInterval } from '../charts/measure-interval.js';
import { formatCount, formatMetric, withArticle } from '../words/format.js';
import { listLabels, type LiveStudy } from './live-study.js';

/** A chart and what it says in words; without a chart, why there is none yet. */
export interface Charted<Chart> {
  readonly chart?: Chart;
  readonly caption: string;
}

const PARTS = [
  { part: 'TEXT_PART_SEARCH', name: 'best pair, on the search windows', windows: 'search' },
  { part: 'TEXT_PART_VERIFY', name: 'best finalist, on the verify windows', windows: 'verify' },
] as const;

/** Controls and the unpruned model are no results of the search. */
const RESULTS: ReadonlySet<string> = new Set(['TRIAL_ROLE_PAIR', 'TRIAL_ROLE_FINALIST', 'TRIAL_ROLE_WINNER']);

/** What a search had to show after so many tokens: the best within the budgets, before all that was measured. */
export function chartLabels(study: LiveStudy): Charted<StepChart> {
  const { overview } = study;
  if (overview === undefined) return { caption: 'Loading …' };
  const { metric, bestSoFar = [], labelsLeftOut = 0 } = overview;
  const labels = listLabels(study);
  const end = Number(labels.at(-1)?.tokensSpent ?? 0);
  const points = labels.flatMap(({ role, part, value, tokensSpent = '0' }) =>
    value !== undefined && RESULTS.has(role) && part !== 'TEXT_PART_REPORT'
      ? [{ x: Number(tokensSpent), y: value }]
      : [],
  );
  if (points.length === 0) return { caption: 'No architecture has been measured yet.' };
  const lines = PARTS.flatMap(({ part, name, windows }) => {
    const steps = bestSoFar.filter((best) => best.part === part);
    const last = steps.at(-1);
    return last === undefined ? [] : [{ name, windows, last, steps }];
  });
  const best = lines.at(-1);
  return {
    chart: {
      kind: 'steps',
      label: `The best ${metric} so far over the tokens that were run`,
      x: 'tokens run',
      y: metric,
      yScale: points.every(({ y }) => y > 0) ? 'log' : 'linear',
      series: lines.map(({ name, steps, last }) => ({
        name,
        points: [
          ...steps.map(({ tokensSpent = '0', value }) => ({ x: Number(tokensSpent), y: value })),
          { x: Math.max(end, Number(last.tokensSpent ?? 0)), y: last.value },
        ],
      })),
      dots: { name: 'all that were measured', points },
    },
    caption: `${formatCount(points.length)} architectures measured${labelsLeftOut === 0 ? '' : ` are shown, ${formatCount(labelsLeftOut)} more are not`}, ${formatCount(end)} tokens run; ${
      best === undefined
        ? 'none is within the budgets yet'
        : `the best within the budgets has ${withArticle(metric)} of ${formatMetric(best.last.value)} on the ${best.windows} windows`
    }.`,
  };
}

/** What the newest predictor says of pairs that it was not fitted on, beside what was measured. */
export function chartPredictions({ overview }: LiveStudy): Charted<ScatterChart> {
  if (overview === undefined) return { caption: 'Loading …' };
  const { metric, predictedLabels: labels = [], predictedLabelsLeftOut: leftOut = 0 } = overview;
  if (labels.length === 0) return { caption: 'No predictor has been fitted yet.' };
  return {
    chart: {
      kind: 'scatter',
      label: `Predicted against measured ${metric} of ${labels.length} pairs`,
      x: `measured ${metric}`,
      y: `predicted ${metric}`,
      ...measureInterval(labels),
      points: labels.map(({ measured, predicted }) => ({ x: measured, y: predicted })),
    },
    caption: `${formatCount(labels.length)}${leftOut === 0 ? '' : ` of ${formatCount(labels.length + leftOut)}`} pairs, each as predicted by fits on other pairs; on the line a prediction is right.`,
  };
}
