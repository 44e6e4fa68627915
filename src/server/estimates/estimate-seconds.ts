import { addWork, NO_WORK, type Work } from '../../engine/runtime/count-work.js';
import type { Speeds, UnknownSpeeds } from '../../engine/pace.js';
import type { OpenModel } from '../models/open-models.js';

/** A part of a job, as its plan has it. */
export interface PlannedPhase {
  readonly name: string;
  /** Architectures that are measured. */
  readonly trials: number;
  /** Architectures whose labels are known: they cost nothing, and are counted in nothing else. Undefined: none. */
  readonly known?: number;
  /** Tokens that are run. */
  readonly tokens: number;
  /** What the model computes. */
  readonly work: Work;
  /** What takes its time whatever the model. */
  readonly seconds: number;
  /** At most so long, whatever there is to compute; undefined: no limit. */
  readonly mostSeconds?: number;
}

/** How long a phase takes at these speeds. */
export function timePhase(
  { work, seconds, mostSeconds = Infinity }: Pick<PlannedPhase, 'work' | 'seconds' | 'mostSeconds'>,
  speeds: Speeds,
): number {
  return Math.min(mostSeconds, seconds + work.products / speeds.products + work.factors / speeds.factors);
}

/** The phases of a plan, each with its time, and their sum; the reason in place of times if the speed of the model is unknown. */
export async function timePhases({ findSpeeds }: Pick<OpenModel, 'findSpeeds'>, phases: readonly PlannedPhase[]) {
  const total = addWork(...phases.map(({ work }) => work));
  const found = total.products + total.factors === 0 ? IDLE : await findSpeeds();
  const speeds = typeof found === 'string' ? undefined : found;
  const timed = phases.map((phase) => ({
    name: phase.name,
    trials: BigInt(phase.trials),
    tokens: BigInt(phase.tokens),
    estimatedSeconds: speeds === undefined ? undefined : timePhase(phase, speeds),
  }));
  return {
    phases: timed,
    knownTrials: BigInt(phases.reduce((sum, { known = 0 }) => sum + known, 0)),
    trials: timed.reduce((sum, { trials }) => sum + trials, 0n),
    tokens: timed.reduce((sum, { tokens }) => sum + tokens, 0n),
    estimatedSeconds:
      speeds === undefined ? undefined : timed.reduce((sum, { estimatedSeconds = 0 }) => sum + estimatedSeconds, 0),
    timeUnknown: typeof found === 'string' ? TIME_UNKNOWN[found] : '',
  };
}

/** Why a plan has no times. */
const TIME_UNKNOWN: Readonly<Record<UnknownSpeeds, string>> = {
  large: 'a model of this size is not run for an estimate alone, and has not run yet',
  busy: 'a short run of the model did not end in time: the model or the machine is busy',
};

/** For plans without work for the model: no probe is needed. */
const IDLE: Speeds = { products: 1, factors: 1 };

/** A phase without work for the model, unless stated. */
export function planPhase(name: string, parts: Partial<Omit<PlannedPhase, 'name'>>): PlannedPhase {
  return { name, trials: 0, tokens: 0, work: NO_WORK, seconds: 0, ...parts };
}
