import { mkdir } from 'node:fs/promises';
import type { TrainingPlan, TrainingResult } from '../../core/ports/recovery.js';
import { findInvalidMetric } from '../../core/metric.js';
import type { Breathe } from '../../core/ports/compensation.js';
import type { WorkContext, WorkProgress } from '../../core/ports/work-context.js';
import { createRng } from '../../core/random.js';
import { createBreathing } from '../compensation/breathing.js';
import { scaleToNorm, updateByAdamW } from './adamw.js';
import type { HalfUpdate } from './distillation-step.js';
import { learningRate } from './learning-rate.js';
import type { Parameters } from './parameters.js';
import { beginSave, openTraining, pathOfBest, type Save, type Training, type TrainingState } from './saved-training.js';
import type { RoundWritten } from './round-written.js';
import { writeHalves, type TrainedHalf } from './trained-halves.js';

export interface TrainingContext {
  /** The half-blocks to train, as they are before it. */
  readonly begin: (tell: (share: number) => void) => Promise<TrainedHalf[]>;
  /** What is trained of them. */
  readonly parameterise: (halves: readonly TrainedHalf[]) => Parameters;
  /**
   * The loss on some sequences; `update` receives the gradients of each half-block, last to first. `breathe` is told how
   * much of the step is done.
   */
  readonly runStep: (
    halves: readonly TrainedHalf[],
    sequences: readonly Int32Array[],
    update: HalfUpdate,
    breathe: Breathe,
  ) => Promise<number>;
  /** To what an output holds: so are the best weights written. */
  readonly round: RoundWritten;
  /** The mean next-token loss, natural log, on the held-out sequences, of what an output would hold. */
  readonly measure: (halves: readonly TrainedHalf[], work: WorkContext) => Promise<number>;
  /** A folder of this training's own: its state, and the best weights so far. */
  readonly directory: string;
  /** Names what is trained on what, and how; the state of another training is not continued. */
  readonly key: string;
  /** Most bytes of the optimiser's moments and of what factors are added to in memory; the others are on disk. */
  readonly momentBytes: number;
  /** Most time between two saves; as long as they are quick, they are more frequent. */
  readonly saveEveryMs: number;
  /** Milliseconds, from any fixed point. */
  readonly now: () => number;
}

/** What a training has come to, with its weights. */
export interface TrainingOutcome extends TrainingResult {
  /** The best weights: a file of `writeHalves`. */
  readonly file: string;
}

/**
 * Trains half-blocks step by step, and keeps the weights that were best on the held-out sequences. Its state is written
 * now and then; after a kill the next call continues from there, and comes to the same weights bit for bit unless
 * the time limit ends it. A held-out loss that is not finite ends it with the best weights; before the first step there
 * are none, so METRIC_INVALID is thrown.
 *
 * @param sequences trained on, each of at least 2 tokens
 */
export async function trainHalves(
  context: TrainingContext,
  plan: TrainingPlan,
  sequences: readonly Int32Array[],
  { signal, report }: WorkContext,
): Promise<TrainingOutcome> {
  const { directory, now } = context;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const training = await openTraining(
    directory,
    { ...context, from: (plan.rank ?? 0) === 0 ? 'best' : 'first' },
    signal,
    (share) => report?.({ activity: 'preparing the training', what: '%', done: 100 * share, total: 100 }),
  );
  const { state, halves, moments } = training;
  const order = orderSequences(sequences, plan);
  const longest = Math.max(1, Math.ceil((plan.passes * sequences.length) / plan.sequencesPerStep));
  const startedMs = now() - 1000 * state.seconds;
  let savedMs = now();
  let saveMs = 0;
  let save: Save | undefined;
  const isOver = (): boolean => state.seconds > 60 * plan.mostMinutes;
  // Not in tokens: these are not the ones that are trained on.
  const tellCheck = ({ done, total }: WorkProgress): void =>
    report?.({ activity: 'measuring held-out sequences', what: 'held-out tokens', done, total });
  const check = async (): Promise<void> => {
    const loss = await context.measure(halves, { signal, report: tellCheck });
    const invalid = findInvalidMetric({ metrics: { held_out_loss: loss }, items: {} });
    if (invalid !== undefined) {
      if (state.before === undefined) throw invalid;
      state.lostChecks = plan.patience; // such weights get no better
      return;
    }
    state.before ??= loss;
    if (state.after === undefined || loss < state.after) {
      await writeHalves(pathOfBest(directory, state.step), halves, context.round, signal);
      Object.assign(state, { after: loss, bestStep: state.step, lostChecks: 0 });
    } else state.lostChecks += 1;
  };
  const update: HalfUpdate = async (half, gradients) => {
    const place = halves.indexOf(half);
    await save?.passed(place);
    await updateHalf(training, place, gradients, plan, learningRate(plan.rate, state.step, state.steps ?? longest));
  };
  const tell = (saved: boolean, underWay: { readonly tokens: number; readonly share: number } = NOTHING): void => {
    const { tokens, step, steps = longest, ended } = state;
    const total = ended === undefined ? Math.round(((tokens + underWay.tokens) * steps) / step) : tokens;
    const done = Math.round(tokens + underWay.share * underWay.tokens);
    report?.({ activity: describe(state), what: 'tokens', done, total, saved });
  };
  const timed = async (work: () => Promise<void>): Promise<number> => {
    const beganMs = now();
    await work();
    state.seconds = (now() - startedMs) / 1000;
    return (now() - beganMs) / 1000;
  };

  try {
    if (state.ended === undefined && state.before === undefined) state.checkSeconds = await timed(check);
    while (state.ended === undefined) {
      const batch = order(state.step);
      state.step += 1;
      const tokens = batch.reduce((sum, { length }) => sum + length, 0);
      const seconds = await timed(async () => {
        const breathe = createBreathing(signal, (share) => tell(false, { tokens, share }));
        state.loss = await context.runStep(halves, batch, update, breathe);
      });
      state.tokens += tokens;
      const paced = PACED_STEPS.find(({ from, to }) => state.step >= from && state.step <= to);
      if (paced !== undefined) {
        state.pacedSeconds = (state.step === paced.from ? 0 : state.pacedSeconds) + seconds;
        if (state.step === paced.to)
          state.steps = Math.min(longest, countSteps(state, plan, state.pacedSeconds / (paced.to - paced.from + 1)));
      }
      const last = state.steps ?? longest;
      const gap = Math.max(1, Math.ceil(last / plan.checks));
      if (state.step >= last || state.step % gap === 0 || isOver()) state.checkSeconds = await timed(check);
      if (state.step >= last) state.ended = last < longest ? 'out-of-time' : 'finished';
      else if (state.lostChecks >= plan.patience) state.ended = 'no-more-gain';
      else if (isOver()) state.ended = 'out-of-time';
      tell(false);
      if (state.ended !== undefined || now() - savedMs > Math.min(context.saveEveryMs, SAVE_GAP * saveMs)) {
        await save?.done;
        const beganMs = now();
        const begun = beginSave(directory, training, signal);
        const tellSaved = async (): Promise<void> => {
          await begun.done;
          saveMs = now() - beganMs;
          tell(true);
        };
        tellSaved().catch(() => undefined);
        [save, savedMs] = [begun, beganMs];
      }
    }
    await save?.done;
    return toOutcome(context, state);
  } finally {
    await save?.done.catch(() => undefined);
    await moments.close();
  }
}

/** No step is under way. */
const NOTHING = { tokens: 0, share: 0 };

/** Between two saves passes at least so many times as long as one takes. */
const SAVE_GAP = 20;

/**
 * The steps whose time says how many there will be: soon, as each may take minutes, and again when graphs and memory
 * are warm. The learning rate has hardly begun to fall by then.
 */
const PACED_STEPS = [
  { from: 2, to: 4 },
  { from: 9, to: 16 },
];

async function updateHalf(
  { state: { step }, parameters, moments }: Training,
  place: number,
  ofMatrices: Readonly<Record<string, Float32Array>>,
  { optimiser }: TrainingPlan,
  rate: number,
): Promise<void> {
  const gradients = await parameters.gradients(place, ofMatrices);
  const scale = scaleToNorm(gradients, optimiser.clipNorm);
  const beside = await moments.read(place);
  let from = 0;
  for (const [index, { values }] of parameters.list(place).entries()) {
    const { length } = values;
    const own = {
      first: beside.subarray(from, from + length),
      second: beside.subarray(from + length, from + 2 * length),
    };
    updateByAdamW(values, gradients[index] as Float32Array, own, { step, rate, scale }, optimiser);
    from += 2 * length;
  }
  await parameters.merge(place, beside.subarray(from));
  await moments.write(place, beside);
}

/** The sequences of each step, counted from 0: every pass has an order of its own. */
function orderSequences(
  sequences: readonly Int32Array[],
  { seed, sequencesPerStep }: TrainingPlan,
): (step: number) => Int32Array[] {
  const passes = new Map<number, readonly Int32Array[]>();
  const passOf = (pass: number): readonly Int32Array[] => {
    const known = passes.get(pass) ?? createRng(seed).fork(`pass ${pass}`).shuffle(sequences);
    passes.clear();
    passes.set(pass, known);
    return known;
  };
  return (step) =>
    Array.from({ length: sequencesPerStep }, (_, index) => {
      const place = step * sequencesPerStep + index;
      return passOf(Math.floor(place / sequences.length))[place % sequences.length] as Int32Array;
    });
}

/** How many steps the time limit allows beside the checks, by the pace of those done; a twentieth is left. */
function countSteps(
  { step, seconds, checkSeconds }: TrainingState,
  { mostMinutes, checks }: TrainingPlan,
  stepSeconds: number,
): number {
  const left = 0.95 * 60 * mostMinutes - seconds - checks * checkSeconds;
  return Math.max(step, step + Math.floor(left / Math.max(stepSeconds, 1e-3)));
}

function describe({ loss, after }: TrainingState): string {
  if (Number.isNaN(loss)) return 'recovering';
  const heldOut = after === undefined ? '' : `, held-out perplexity ${Math.exp(after).toPrecision(4)} at best`;
  return `recovering (loss ${loss.toPrecision(3)}${heldOut})`;
}

function toOutcome(context: TrainingContext, state: TrainingState): TrainingOutcome {
  const { step, tokens, seconds, before = Number.NaN, after = Number.NaN, bestStep, ended = 'finished' } = state;
  return {
    file: pathOfBest(context.directory, bestStep),
    steps: step,
    tokens,
    seconds,
    before,
    after,
    bestStep,
    ended,
  };
}
