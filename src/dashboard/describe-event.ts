import type { JobEvent, StudyEvent } from './messages.js';
import { formatCorrelation, formatCount, formatMetric } from '../words/format.js';
import { formatEnum } from './format.js';

/** What a person should read of an event; undefined for what the page shows anyway. */
export function describeEvent(event: JobEvent): string | undefined {
  const { queued, started, paused, evaluation, study, ended } = event;
  if (queued !== undefined) return `queued at place ${queued.place ?? 0}`;
  if (started !== undefined) return 'running';
  if (paused !== undefined) return describePause(paused);
  if (evaluation !== undefined) {
    const values = Object.entries(evaluation.metrics ?? {}).map(
      ([name, value]) => `${name} ${formatMetric(Number(value))}`,
    );
    return `architecture ${(evaluation.index ?? 0) + 1}: ${values.join(', ')}`;
  }
  if (study !== undefined) return describeStudy(study);
  if (ended !== undefined) return describeEnd(ended);
  return undefined;
}

function describePause({ before, ranges = [], error }: NonNullable<JobEvent['paused']>): string {
  if (error !== undefined)
    return `paused: ${error.message ?? 'no reason given'}; goes on by itself once that is mended`;
  if (before === undefined) return 'interrupted: waits to be resumed';
  const moved = ranges.filter(isMoved).length;
  const proposal = ranges.length === 0 ? '' : `; ${moved} of ${ranges.length} dimensions would get other ranges`;
  return `paused before ${formatEnum(before, 'STUDY_PHASE_')}${proposal}`;
}

function describeStudy({
  phase,
  phaseStarted,
  predictor,
  refined,
  predicted,
  winner,
  trial,
}: StudyEvent): string | undefined {
  if (phaseStarted !== undefined) {
    const { round = 0 } = phaseStarted;
    return `phase ${formatEnum(phase, 'STUDY_PHASE_')}${round > 0 ? `, round ${round}` : ''}`;
  }
  if (predictor !== undefined) {
    const [quality] = predictor.quality ?? [];
    const fit =
      quality === undefined
        ? ''
        : `: Kendall tau ${formatCorrelation(quality.kendallTau ?? 0)}, R2 ${formatCorrelation(quality.r2 ?? 0)} on ${quality.heldOut ?? 0} held-out pairs`;
    return `fitted ${predictor.backend} on ${formatCount(predictor.pairs ?? 0)} pairs${fit}`;
  }
  if (refined !== undefined) {
    const ranges = refined.ranges ?? [];
    return `refined ${ranges.filter(isMoved).length} of ${ranges.length} dimensions`;
  }
  if (predicted !== undefined)
    return `predicted ${formatCount(Number(predicted.predicted ?? 0))} candidates; ${predicted.finalists ?? 0} finalists, the best predicted at ${formatMetric(Number(predicted.bestPredicted ?? 0))}`;
  if (winner !== undefined)
    return `found the winner${winner.recovery === undefined ? '' : ', trained it'}${(winner.output ?? '') === '' ? '' : `, and wrote ${winner.output}`}`;
  if (trial?.role === 'TRIAL_ROLE_CONTROL' && trial.part === 'TEXT_PART_REPORT')
    return `measured the control ${trial.control ?? ''}`;
  return undefined;
}

function isMoved(range: {
  oldMinRate?: number;
  oldMaxRate?: number;
  newMinRate?: number;
  newMaxRate?: number;
}): boolean {
  return range.oldMinRate !== range.newMinRate || range.oldMaxRate !== range.newMaxRate;
}

function describeEnd({
  state,
  error,
  prune,
  evaluate,
  search,
  samplePairs,
  predictor,
}: NonNullable<JobEvent['ended']>) {
  if (state !== 'JOB_STATE_SUCCEEDED')
    return `${formatEnum(state, 'JOB_STATE_')}: ${error?.message ?? 'no reason given'}`;
  if (search?.summary !== undefined) return search.summary;
  if (prune !== undefined) return `wrote ${prune.output ?? 'the model'}`;
  if (evaluate !== undefined) return `measured ${evaluate.evaluated ?? 0} architectures`;
  if (samplePairs !== undefined) return `labelled ${formatCount(samplePairs.pairs ?? 0)} pairs`;
  if (predictor !== undefined) return `fitted ${predictor.backend} on ${formatCount(predictor.pairs ?? 0)} pairs`;
  return 'succeeded';
}
