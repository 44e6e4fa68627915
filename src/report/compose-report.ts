import { JobState } from '../gen/prunecast/v1/job.js';
import type { StudyOverview } from '../gen/prunecast/v1/study.js';
import { describeUnanswered } from '../words/describe-unanswered.js';
import { formatCorrelation, formatCount, formatMetric, formatShare } from '../words/format.js';
import { compareBy, describeLift } from '../words/describe-lift.js';
import type { Report, Section } from './form/report.js';
import { writeCommands } from './sections/commands.js';
import { writeComparison } from './sections/comparison.js';
import { writeCurve } from './sections/curve.js';
import { writeFront } from './sections/front.js';
import { writeImportances } from './sections/importances.js';
import { writeLayers } from './sections/layers.js';
import { writeMeasurements } from './sections/measurements.js';
import { writePredictions } from './sections/predictions.js';
import { writeProgress } from './sections/progress.js';
import { writeRecovery } from './sections/recovery.js';
import { writeSettings } from './sections/settings.js';
import { writeWork } from './sections/work.js';

/** The sections in their order; each is left out if the study has nothing for it. */
const SECTIONS: readonly ((overview: StudyOverview) => Section | undefined)[] = [
  writeComparison,
  writeRecovery,
  writeLayers,
  writeFront,
  writeCurve,
  writePredictions,
  writeImportances,
  writeProgress,
  writeMeasurements,
  writeWork,
  writeSettings,
  writeCommands,
];

/** The report of a study. */
export function composeReport(overview: StudyOverview): Report {
  const { study } = overview;
  return {
    title: `Pruning ${study?.model ?? ''}`,
    answer: writeAnswer(overview),
    facts: listFacts(overview),
    sections: SECTIONS.flatMap((write) => write(overview) ?? []),
  };
}

function writeAnswer({ study }: StudyOverview): string {
  const summary = study?.report?.summary ?? '';
  if (summary !== '') return `${summary[0]?.toUpperCase() ?? ''}${summary.slice(1)}`;
  return describeUnanswered(study ?? { state: JobState.UNSPECIFIED, trials: 0 });
}

function listFacts({ study, metric }: StudyOverview): Report['facts'] {
  const report = study?.report;
  if (study === undefined || report?.winner === undefined || report.dense === undefined)
    return [
      { name: 'measured architectures', value: formatCount(study?.trials ?? 0) },
      { name: 'tokens run', value: formatCount(study?.tokensSpent ?? 0n) },
    ];
  const { winner, dense, bestControl, fitQuality, recovered, recoveryLift } = report;
  const lift = report.lifts.find(({ control }) => control === bestControl);
  return [
    {
      name: 'parameters',
      value: formatCount(winner.parameters),
      note: `${formatShare(1 - Number(winner.parameters) / Number(dense.parameters))} removed`,
    },
    {
      name: metric,
      value: formatMetric(winner.metrics[metric] ?? Number.NaN),
      note: `${recovered === undefined ? '' : 'before recovery; '}unpruned ${formatMetric(dense.metrics[metric] ?? Number.NaN)}`,
    },
    ...(recovered === undefined || recoveryLift === undefined
      ? []
      : [
          {
            name: `${metric}, recovered`,
            value: formatMetric(recovered.metrics[metric] ?? Number.NaN),
            note: `${compareBy(recoveryLift.lift)} before; ${describeLift(recoveryLift)}`,
          },
        ]),
    ...(lift === undefined
      ? []
      : [
          {
            name: `${lift.lift < 0 ? 'worse' : 'better'} than ${bestControl}`,
            value: formatShare(Math.abs(lift.lift)),
            note: describeLift(lift),
          },
        ]),
    ...(fitQuality === undefined
      ? []
      : [
          {
            name: 'Kendall tau of the predictor',
            value: formatCorrelation(fitQuality.kendallTau),
            note: `on ${fitQuality.heldOut} held-out pairs`,
          },
        ]),
    {
      name: 'tokens run',
      value: formatCount(report.tokensSpent),
      note: `${formatCount(report.labelsPaid)} labels measured`,
    },
  ];
}
