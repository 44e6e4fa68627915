import {
  RangeReason,
  StudyPhase,
  type JobEvent,
  type JobPaused,
  type ReportRow,
  type StudyEvent,
} from '../../client/index.js';
import { describeRecovery } from '../../words/describe-recovery.js';
import { formatCorrelation, formatCount, formatEnum, formatMetric } from '../../words/format.js';
import type { Line } from './wrap-lines.js';

/** What a person should read of an event; nothing of what progress or the result shows anyway. */
export function describeEvent(
  { payload, jobId }: JobEvent,
  resumeCommand: (jobId: string) => string = (id) => `prunecast jobs resume ${id}`,
): Line[] {
  switch (payload?.$case) {
    case 'queued':
      return [`job ${jobId}: queued at place ${payload.value.place}`];
    case 'started':
      return [`job ${jobId}: running`];
    case 'paused':
      return describePause(payload.value, jobId, resumeCommand(jobId));
    case 'study':
      return describeStudyEvent(payload.value);
    default:
      return [];
  }
}

function describePause({ before, ranges, error }: JobPaused, jobId: string, resume: string): Line[] {
  if (error !== undefined)
    return [`job ${jobId}: paused: ${error.message}; once that is mended, the job goes on by itself`];
  const command = { verbatim: `  ${resume}` };
  if (before === StudyPhase.UNSPECIFIED) return [`job ${jobId}: interrupted; to resume it:`, command];
  const moved = ranges
    .filter((range) => range.newMinRate !== range.oldMinRate || range.newMaxRate !== range.oldMaxRate)
    .map(
      ({ dimension, oldMinRate, oldMaxRate, newMinRate, newMaxRate, reason }) =>
        `  ${dimension}: ${oldMinRate}..${oldMaxRate} to ${newMinRate}..${newMaxRate} (${formatEnum(RangeReason, reason)})`,
    );
  return [
    ...moved,
    ...(ranges.length === 0 ? [] : ['these ranges are used unless --range DIMENSION=MIN..MAX sets others']),
    `job ${jobId}: paused before ${formatEnum(StudyPhase, before)}; to resume it:`,
    command,
  ];
}

function describeStudyEvent({ event }: StudyEvent): Line[] {
  switch (event?.$case) {
    case 'predictor': {
      const [quality] = event.value.quality;
      const fit =
        quality === undefined
          ? ': quality unknown, as it may have seen these pairs before'
          : `: Kendall tau ${formatCorrelation(quality.kendallTau)}, R2 ${formatCorrelation(quality.r2)} on ${quality.heldOut} held-out pairs`;
      return [`  fitted ${event.value.backend} on ${event.value.pairs} pairs${fit}`];
    }
    case 'refined': {
      const moved = event.value.ranges.filter(
        (range) => range.newMinRate !== range.oldMinRate || range.newMaxRate !== range.oldMaxRate,
      );
      return [`  refined ${moved.length} of ${event.value.ranges.length} dimensions`];
    }
    case 'predicted': {
      const { predicted, finalists, bestPredicted, outOfRange } = event.value;
      return [
        `  predicted ${formatCount(predicted)} candidates, ${formatCount(outOfRange)} of them outside the range of the pairs; ${finalists} finalists, the best predicted at ${formatMetric(bestPredicted)}`,
      ];
    }
    case 'winner': {
      const { winner, output, recovery } = event.value;
      const verified = `on the verify windows${recovery === undefined ? '' : ' before its recovery'}`;
      const written = output === '' ? '' : ', written';
      return [
        `  winner: ${describeWinner(winner)} ${verified}${written}; what follows does not change it`,
        ...describeRecovery(recovery).map((line) => `  ${line}`),
      ];
    }
    default:
      return [];
  }
}

function describeWinner(winner: ReportRow | undefined): string {
  const metrics = Object.entries(winner?.verifyMetrics ?? {}).map(([name, value]) => `${name} ${formatMetric(value)}`);
  return [`${formatCount(winner?.parameters ?? 0n)} parameters`, ...metrics].join(', ');
}
