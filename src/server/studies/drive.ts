import type { EncodingBatch } from '../../core/pairs.js';
import type { Prediction } from '../../core/ports/predictor.js';
import type { Strategy } from '../../core/ports/strategy.js';
import { createRng } from '../../core/random.js';
import { apply, next, type StudyState } from '../../search/machine.js';
import { drawCandidates } from '../../search/phases/controls.js';
import { refineSpace } from '../../search/phases/refine/refine-space.js';
import { drawPairs } from '../../search/phases/sample/draw-pairs.js';
import { proposeCandidates } from '../../search/phases/search/propose-candidates.js';
import type { StudyPhase, StudyPlan } from '../../search/study/plan.js';
import type { Exported, Fitted, StudyAction, StudyEvent } from '../../search/study/steps.js';
import type { TrialPoint, TrialResult } from '../../search/study/trial.js';

/** What the sample of a study needs from outside. */
export interface SamplePorts {
  /** Ranks the units in every recipe, and allocates the budgets by its scores and errors. */
  score(): Promise<Omit<Extract<StudyEvent, { kind: 'scored' }>, 'kind'>>;
  /** Measures points of a phase; results come as they are ready, in any order, one per point. */
  evaluate(points: readonly TrialPoint[], phase: StudyPhase): AsyncIterable<TrialResult>;
  /** Stores an event with its effect on the study. The event is applied after this has resolved. */
  record(before: StudyState, after: StudyState, event: StudyEvent): Promise<void>;
  /** Lets others run between stretches of work. */
  breathe(): Promise<void>;
}

/** What a whole study needs from outside. */
export interface StudyPorts extends SamplePorts {
  /** Fits a predictor to each metric that the study predicts. */
  fit(state: StudyState, pairs: readonly TrialResult[]): Promise<Omit<Fitted, 'kind'>>;
  /** The predictors of the newest fit: what they say of a batch, by metric, on the scale of their fits. */
  openPredictors(state: StudyState): Promise<(batch: EncodingBatch) => Promise<Readonly<Record<string, Prediction>>>>;
  readonly strategy: { readonly plugin: Strategy; readonly options: unknown };
  /** Finishes the winner of a state: trains it if the plan says so, and writes it if the study has an output. */
  exportWinner(state: StudyState): Promise<Omit<Exported, 'kind'>>;
  /** Called with the number of candidates predicted so far. */
  report?(predicted: number, candidates: number): void;
  /** Ends the search for candidates with its reason. */
  readonly signal: AbortSignal;
}

/** How far a drive has come, and the action that it does not do. */
export interface Driven<Kind extends StudyAction['kind']> {
  readonly state: StudyState;
  readonly stoppedAt: Kind;
}

/**
 * Drives a study until it pauses, or is over. Nothing is decided here: the machine says what to do, the ports do it.
 */
export function driveStudy(plan: StudyPlan, from: StudyState, ports: StudyPorts): Promise<Driven<'pause' | 'none'>> {
  return drive(plan, from, ports, async function* perform(action, state) {
    switch (action.kind) {
      case 'fit':
        yield { kind: 'fitted', ...(await ports.fit(state, action.pairs)) };
        return 'done';
      case 'refine':
        yield { kind: 'refined', changes: await refineSpace(plan, state, () => ports.breathe()) };
        return 'done';
      case 'predict':
        yield await proposeCandidates(
          plan,
          {
            ...action,
            strategy: ports.strategy.plugin,
            strategyOptions: ports.strategy.options,
            predict: await ports.openPredictors(state),
            rng: createRng(plan.seed).fork(action.seed),
            signal: ports.signal,
            report: (predicted) => ports.report?.(predicted, action.candidates),
          },
          () => ports.breathe(),
        );
        return 'done';
      case 'export':
        yield { kind: 'exported', ...(await ports.exportWinner(state)) };
        return 'done';
      case 'finish':
        yield { kind: 'finished' };
        return 'done';
      case 'pause':
      case 'none':
        return action.kind;
      default:
        return yield* performSample(plan, action, state, ports);
    }
  });
}

/** Drives a study until its sample is complete: the pairs that its first fit would take are labelled. */
export async function driveSample(plan: StudyPlan, from: StudyState, ports: SamplePorts): Promise<StudyState> {
  const { state } = await drive(plan, from, ports, async function* perform(action, current) {
    switch (action.kind) {
      case 'score':
      case 'draw':
      case 'evaluate':
        return yield* performSample(plan, action, current, ports);
      default:
        return action.kind;
    }
  });
  return state;
}

/** Does an action; returns `done`, or the kind of an action that it leaves. */
type Perform<Left> = (action: StudyAction, state: StudyState) => AsyncGenerator<StudyEvent, 'done' | Left>;

async function drive<Left extends StudyAction['kind']>(
  plan: StudyPlan,
  from: StudyState,
  { record }: Pick<SamplePorts, 'record'>,
  perform: Perform<Left>,
): Promise<Driven<Left>> {
  let state = from;
  for (;;) {
    const steps = perform(next(plan, state), state);
    try {
      let step = await steps.next();
      while (step.done !== true) {
        const after = apply(plan, state, step.value);
        await record(state, after, step.value);
        state = after;
        step = await steps.next();
      }
      if (step.value !== 'done') return { state, stoppedAt: step.value };
    } finally {
      // What it was measuring when an event could not be stored is given up: whoever wants those labels measures them.
      await steps.return('done');
    }
  }
}

async function* performSample(
  plan: StudyPlan,
  action: Extract<StudyAction, { kind: 'score' | 'draw' | 'draw-candidates' | 'evaluate' }>,
  { phase }: StudyState,
  ports: SamplePorts,
): AsyncGenerator<StudyEvent, 'done'> {
  const rng = createRng(plan.seed);
  const breathe = (): Promise<void> => ports.breathe();
  switch (action.kind) {
    case 'score':
      yield { kind: 'scored', ...(await ports.score()) };
      return 'done';
    case 'draw':
      yield { kind: 'drawn', points: await drawPairs(plan, { ...action, rng: rng.fork(action.seed) }, breathe) };
      return 'done';
    case 'draw-candidates':
      yield { kind: 'drawn', points: await drawCandidates(plan, { ...action, rng: rng.fork(action.seed) }, breathe) };
      return 'done';
    case 'evaluate':
      for await (const trial of ports.evaluate(action.points, phase)) yield { kind: 'evaluated', trial };
      return 'done';
  }
}
