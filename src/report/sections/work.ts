import type { StudyOverview } from '../../gen/prunecast/v1/study.js';
import { CompensationFit, StudyPhase, type RecipeComparison } from '../../gen/prunecast/v1/study_types.js';
import { formatCount, formatDuration, formatEnum, formatMetric } from '../../words/format.js';
import type { Figure, Section } from '../form/report.js';

/** What the study took, and which recipes it compared. */
export function writeWork({ study, metric }: StudyOverview): Section | undefined {
  const report = study?.report;
  if (report === undefined) return undefined;
  const isStream = report.compensationFit === CompensationFit.STREAM;
  return {
    id: 'work',
    title: 'What it took',
    note: `${formatCount(report.pairs)} pairs, ${formatCount(report.predicted)} architectures predicted, ${formatCount(report.verified)} verified; ${formatCount(report.labelsPaid)} labels measured, ${formatCount(report.labelsKnown)} known before. Times are those of the machine that ran it.`,
    figures: [
      {
        table: {
          columns: [{ name: 'phase' }, { name: 'tokens', form: 'number' }, { name: 'time', form: 'number' }],
          rows: report.phases.map(({ phase, tokens, elapsedSeconds }) => [
            formatEnum(StudyPhase, phase),
            formatCount(tokens),
            formatDuration(elapsedSeconds),
          ]),
        },
      },
      ...writeRecipes(
        report.recipes,
        metric,
        `Recipes, the chosen one first.${isStream ? ' Finalists, controls and output are compensated on their own activations.' : ''}`,
      ),
    ],
  };
}

function writeRecipes(recipes: readonly RecipeComparison[], metric: string, caption: string): Figure[] {
  if (recipes.length === 0) return [];
  return [
    {
      caption,
      table: {
        columns: [
          { name: 'criterion' },
          { name: 'compensation' },
          { name: `best ${metric}, layers alike`, form: 'number' },
        ],
        rows: recipes.map(({ criterion, compensation, best }) => [
          criterion,
          compensation,
          best === undefined ? 'not compared' : formatMetric(best),
        ]),
      },
    },
  ];
}
