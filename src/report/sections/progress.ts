import type { StudyOverview } from '../../gen/prunecast/v1/study.js';
import { TextPart } from '../../gen/prunecast/v1/study_types.js';
import { formatCount, formatMetric } from '../../words/format.js';
import { describeLeftOut } from './describe-left-out.js';
import type { Section } from '../form/report.js';

const PARTS = [
  { part: TextPart.SEARCH, name: 'pairs, on the search windows' },
  { part: TextPart.VERIFY, name: 'finalists, on the verify windows' },
] as const;

/** The best value so far over the tokens that were run. */
export function writeProgress({ study, metric, bestSoFar, bestSoFarLeftOut }: StudyOverview): Section | undefined {
  if (study === undefined || bestSoFar.length === 0) return undefined;
  const end = Number(study.report?.tokensSpent ?? study.tokensSpent);
  const series = PARTS.flatMap(({ part, name }) => {
    const points = bestSoFar
      .filter((best) => best.part === part)
      .map(({ tokensSpent, value }) => ({ x: Number(tokensSpent), y: value }));
    const last = points.at(-1);
    return last === undefined ? [] : [{ name, points: [...points, { x: end, y: last.y }] }];
  });
  return {
    id: 'progress',
    title: 'Best so far over tokens run',
    note: `Architectures within the budgets only. The two texts differ, so the two lines do not compare with each other.${describeLeftOut(bestSoFar.length, bestSoFarLeftOut, 'improvements')}`,
    figures: [
      {
        chart: {
          kind: 'steps',
          label: `The best ${metric} so far over the tokens that were run`,
          x: 'tokens run',
          y: metric,
          yScale: series.every(({ points }) => points.every((point) => point.y > 0)) ? 'log' : 'linear',
          series,
        },
        table: {
          columns: [
            { name: 'windows' },
            { name: 'trial', form: 'number' },
            { name: 'tokens run', form: 'number' },
            { name: metric, form: 'number' },
          ],
          rows: bestSoFar.map(({ part, number, tokensSpent, value }) => [
            part === TextPart.SEARCH ? 'search' : 'verify',
            formatCount(number),
            formatCount(tokensSpent),
            formatMetric(value),
          ]),
        },
      },
    ],
  };
}
