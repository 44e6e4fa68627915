import { addWork, NO_WORK, type Work } from '../../engine/runtime/count-work.js';
import type { Speeds } from '../../engine/pace.js';
import type { OpenModel } from '../models/open-models.js';

/** A part of a job, as its plan has it. */
export interface PlannedPhase {
  readonly name: string;
  /** Architectures that are measured. */
  readonly trials: number;
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

/** The phases of a plan, each with its time, and their sum; no times if the speed of the model is unknown. */
export async function timePhases({ findSpeeds }: Pick<OpenModel, 'findSpeeds'>, phases: readonly PlannedPhase[]) {
  const total = addWork(...phases.map(({ work }) => work));
  const speeds = total.products + total.factors === 0 ? IDLE : await findSpeeds();
  const timed = phases.map((phase) => ({
    name: phase.name,
    trials: BigInt(phase.trials),
    tokens: BigInt(phase.tokens),
    estimatedSeconds: speeds === undefined ? undefined : timePhase(phase, speeds),
  }));
  return {
    phases: timed,
    trials: timed.reduce((sum, { trials }) => sum + trials, 0n),
    tokens: timed.reduce((sum, { tokens }) => sum + tokens, 0n),
    estimatedSeconds:
      speeds === undefined ? undefined : timed.reduce((sum, { estimatedSeconds = 0 }) => sum + estimatedSeconds, 0),
  };
}

/** For plans without work for the model: no probe is needed. */
const IDLE: Speeds = { products: 1, factors: 1 };

/** A phase without work for the model, unless stated. */
export function planPhase(name: string, parts: Partial<Omit<PlannedPhase, 'name'>>): PlannedPhase {
  return { name, trials: 0, tokens: 0, work: NO_WORK, seconds: 0, ...parts };
}
