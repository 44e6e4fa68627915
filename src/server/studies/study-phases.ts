import { isPaused, listVisits, type PhaseVisit, type StudyState } from '../../search/machine.js';
import type { JobPhases, PhasePlan } from '../jobs/phase-log.js';
import { OUTPUT_PHASES, planOutputPhases, EXPORT_PHASE } from '../pruning/write-pruned.js';
import { countTrialTokens } from './study-measurements.js';
import type { StudyLog } from './study-log.js';
import type { SampledStudy, Study } from './study.js';
import { countCalibrationTokens } from './study-recipes.js';
import { placeOf, visitKey } from './study-visits.js';

/** The phases of a Search job. */
export function planSearchPhases(study: Study): PhasePlan[] {
  return planVisits(study, listVisits(study.plan)).flatMap((visit) =>
    visit.name === 'export' ? planFinish(study) : visit,
  );
}

/** The phases of a SamplePairs job: those of a study up to its first pairs. */
export function planSamplePhases(study: SampledStudy): PhasePlan[] {
  const visits = listVisits(study.plan);
  return planVisits(study, visits.slice(0, 1 + visits.findIndex(({ phase }) => phase === 'sample')));
}

function planFinish({ output, recovery, recipes: { compared } }: Study): PhasePlan[] {
  if (output === undefined && recovery === undefined) return [];
  return planOutputPhases(
    compared.flatMap(({ oneShot, stream }) => (stream === undefined ? [oneShot] : [stream])),
    recovery,
  ).filter(({ name }) => output !== undefined || name !== EXPORT_PHASE);
}

function planVisits(study: SampledStudy, visits: readonly PhaseVisit[]): PhasePlan[] {
  return visits.map(({ trials, ...visit }) => {
    const total = trials.reduce((sum, count) => sum + count.trials, 0);
    const tokens =
      visit.phase === 'score'
        ? countCalibrationTokens(study.recipes)
        : trials.reduce((sum, count) => sum + count.trials * countTrialTokens(study, count), 0);
    return { ...placeOf(visit), tokens, ...(total === 0 ? {} : { total, unit: 'trials' }) };
  });
}

/** The visit of the study's phase whose work a phase of the job is. */
function keyOf({ name, round = 0 }: PhasePlan): string {
  return OUTPUT_PHASES.includes(name) ? visitKey({ phase: 'export', round }) : `${name}/${round}`;
}

/**
 * A study's log that also keeps the phases of its job: it declares them as the log has reached them, and each step that
 * is stored moves them on.
 */
export function followPhases(
  log: StudyLog,
  plan: SampledStudy['plan'],
  planned: readonly PhasePlan[],
  phases: JobPhases,
): StudyLog {
  const { reached, past } = log;
  const trials = new Map([...past].map(([key, visit]) => [key, visit.trials]));
  const moveTo = (state: StudyState): void => {
    const { name, round } = placeOf(state);
    // What finishes the winner goes from phase to phase by itself.
    const isOwn =
      !OUTPUT_PHASES.includes(name) && planned.some((phase) => phase.name === name && (phase.round ?? 0) === round);
    if (isPaused(plan, state) || !isOwn) phases.leave();
    else phases.enter(name, round);
  };
  const order = [...listVisits(plan), { phase: 'finished', round: plan.rounds } as const].map(visitKey);
  const place = order.indexOf(visitKey(reached));
  phases.declare(
    planned.map((phase) => {
      const key = keyOf(phase);
      const visit = past.get(key);
      const state = order.indexOf(key) >= place ? 'pending' : visit === undefined ? 'skipped' : 'done';
      // Several phases of the job are one visit of the study: how its time is shared out, only the job knows.
      const elapsedSeconds = OUTPUT_PHASES.includes(phase.name) ? 0 : (visit?.seconds ?? 0);
      return { ...phase, state, done: visit?.trials ?? 0, elapsedSeconds };
    }),
  );
  moveTo(reached);
  return {
    ...log,
    async record(before, after, event) {
      const key = visitKey(before);
      const done = (trials.get(key) ?? 0) + (event.kind === 'evaluated' ? 1 : 0);
      trials.set(key, done);
      // What waits after the last trial of a phase is the next one's.
      const waiting = visitKey(after) === key ? after.waiting.length : 0;
      if (event.kind === 'evaluated' || event.kind === 'drawn') phases.count(done, done + waiting);
      if (visitKey(after) !== key || isPaused(plan, before)) moveTo(after);
      await log.record(before, after, event);
    },
  };
}
