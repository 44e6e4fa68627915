import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainingPlan } from '../../core/ports/recovery.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { createRng } from '../../core/random.js';
import { createStateShelf, type StateShelf } from '../compensation/state-shelf.js';
import { openArrayFile, writeArrayFile } from '../files/array-file.js';
import { createStatePool } from '../forward/hidden-states.js';
import { scaleToNorm, updateByAdamW } from './adamw.js';
import type { HalfUpdate } from './distillation-step.js';
import { learningRate } from './learning-rate.js';
import { listMatrices, readHalves, writeHalves, type TrainedHalf } from './trained-halves.js';

export interface TrainingContext {
  /** The half-blocks to train, as they are before it. */
  readonly begin: () => Promise<TrainedHalf[]>;
  /** The loss on some sequences; `update` receives the gradients of each half-block, last to first. */
  readonly runStep: (
    halves: readonly TrainedHalf[],
    sequences: readonly Int32Array[],
    update: HalfUpdate,
    signal: AbortSignal,
  ) => Promise<number>;
  /** The mean next-token loss, natural log, on the held-out sequences. */
  readonly measure: (halves: readonly TrainedHalf[], signal: AbortSignal) => Promise<number>;
  /** A folder of this training's own: its state, and the best weights so far. */
  readonly directory: string;
  /** Names what is trained on what, and how; the state of another training is not continued. */
  readonly key: string;
  /** Most bytes of the optimiser's moments in memory; the others are on disk. */
  readonly momentBytes: number;
  readonly saveEveryMs: number;
  /** Milliseconds, from any fixed point. */
  readonly now: () => number;
}

/** What a training has come to. */
export interface TrainingOutcome {
  /** The best weights: a file of `writeHalves`. */
  readonly file: string;
  readonly steps: number;
  /** Tokens of all steps. */
  readonly tokens: number;
  readonly seconds: number;
  /** The mean next-token loss on the held-out sequences, before and at the best. */
  readonly before: number;
  readonly after: number;
  /** The step after which the weights were best; 0: before the first. */
  readonly bestStep: number;
  readonly ended: 'finished' | 'out-of-time' | 'no-more-gain';
}

/**
 * Trains half-blocks step by step, and keeps the weights that were best on the held-out sequences. Its state is written
 * now and then; after a kill the next call continues from there, and comes to the same weights bit for bit unless
 * the time limit ends it.
 *
 * @param sequences trained on, each of at least 2 tokens
 */
export async function trainHalves(
  context: TrainingContext,
  plan: TrainingPlan,
  sequences: readonly Int32Array[],
  { signal, report }: WorkContext,
): Promise<TrainingOutcome> {
  await mkdir(context.directory, { recursive: true, mode: 0o700 });
  const training = await openTraining(context);
  const { state, halves, moments } = training;
  try {
    const order = orderSequences(sequences, plan);
    const longest = Math.max(1, Math.ceil((plan.passes * sequences.length) / plan.sequencesPerStep));
    const startedMs = context.now() - 1000 * state.seconds;
    let savedMs = context.now();
    const check = async (): Promise<void> => {
      const loss = await context.measure(halves, signal);
      state.before ??= loss;
      if (state.after === undefined || loss < state.after) {
        await writeHalves(pathOfBest(context, state.step), halves);
        Object.assign(state, { after: loss, bestStep: state.step, lostChecks: 0 });
      } else state.lostChecks += 1;
    };

    if (state.ended === undefined && state.before === undefined) await check();
    while (state.ended === undefined) {
      const steps = state.steps ?? longest;
      const batch = order(state.step);
      state.step += 1;
      const rate = learningRate(plan.rate, state.step, steps);
      state.loss = await context.runStep(
        halves,
        batch,
        (half, gradients) => updateHalf(moments, halves.indexOf(half), { half, gradients }, { rate, state, plan }),
        signal,
      );
      state.tokens += batch.reduce((sum, { length }) => sum + length, 0);
      state.seconds = (context.now() - startedMs) / 1000;
      if (state.step === PACED_STEPS) state.steps = Math.min(longest, countSteps(state, plan));
      const last = state.steps ?? longest;
      const gap = Math.max(1, Math.ceil(last / plan.checks));
      if (state.step >= last || state.step % gap === 0) await check();
      state.seconds = (context.now() - startedMs) / 1000;
      if (state.step >= last) state.ended = 'finished';
      else if (state.lostChecks >= plan.patience) state.ended = 'no-more-gain';
      else if (state.seconds > 60 * plan.mostMinutes) {
        await check();
        state.ended = 'out-of-time';
      }
      report?.({
        activity: describe(state),
        what: 'tokens',
        done: state.tokens,
        total: state.ended === undefined ? Math.round((state.tokens * last) / state.step) : state.tokens,
      });
      if (state.ended !== undefined || context.now() - savedMs > context.saveEveryMs) {
        await saveTraining(context, training);
        savedMs = context.now();
      }
    }
    return toOutcome(context, state);
  } finally {
    await moments.close();
  }
}

/** Steps after which the pace is known. */
const PACED_STEPS = 4;

/** What of a training is written down beside the arrays. */
interface TrainingState {
  key: string;
  /** Done so far. */
  step: number;
  /** Of the whole training; undefined until the pace is known. */
  steps: number | undefined;
  tokens: number;
  seconds: number;
  /** Of the last step. */
  loss: number;
  /** Held-out losses before training, and the best. */
  before: number | undefined;
  after: number | undefined;
  bestStep: number;
  /** Checks since the best. */
  lostChecks: number;
  ended: TrainingOutcome['ended'] | undefined;
}

interface Training {
  readonly state: TrainingState;
  readonly halves: TrainedHalf[];
  /** The moments of each half-block in one array: first and second of each matrix in turn. */
  readonly moments: StateShelf;
}

const STATE_FILE = 'state.arrays';

function pathOfBest({ directory }: TrainingContext, step: number): string {
  return join(directory, `best-${step}.arrays`);
}

async function openTraining(context: TrainingContext): Promise<Training> {
  const file = await openArrayFile<TrainingState>(join(context.directory, STATE_FILE));
  try {
    const known = file?.document.key === context.key ? file : undefined;
    const state = known?.document ?? {
      key: context.key,
      step: 0,
      steps: undefined,
      tokens: 0,
      seconds: 0,
      loss: Number.NaN,
      before: undefined,
      after: undefined,
      bestStep: 0,
      lostChecks: 0,
      ended: undefined,
    };
    const halves = await (known === undefined ? context.begin() : readHalves(pathOfBest(context, state.bestStep)));
    const sizes = halves.map(({ half }) => 2 * listMatrices(half).reduce((sum, [, { length }]) => sum + length, 0));
    const moments = createStateShelf({
      sizes,
      limitBytes: context.momentBytes,
      directory: context.directory,
      pool: createStatePool(),
    });
    if (state.ended === undefined)
      for (const [place, { name, half }] of halves.entries()) {
        for (const [part, values] of listMatrices(half)) {
          const saved = await known?.read(`${name}.${part}`);
          if (saved !== undefined) values.set(saved);
        }
        await moments.write(place, (await known?.read(`${name}.moments`)) ?? new Float32Array(sizes[place] ?? 0));
      }
    return { state, halves, moments };
  } finally {
    await file?.close();
  }
}

/** Writes the state in one step, then removes weights that are not the best any more. */
async function saveTraining(context: TrainingContext, { state, halves, moments }: Training): Promise<void> {
  const arrays = halves.flatMap(({ name, half }, place) => {
    const matrices = listMatrices(half);
    const length = 2 * matrices.reduce((sum, [, values]) => sum + values.length, 0);
    return [
      ...matrices.map(([part, values]) => ({ name: `${name}.${part}`, length: values.length, read: () => values })),
      {
        name: `${name}.moments`,
        length,
        read: async () => {
          const values = await moments.read(place);
          const copy = values.slice();
          moments.giveBack(place, values);
          return copy;
        },
      },
    ];
  });
  await writeArrayFile(join(context.directory, STATE_FILE), state, state.ended === undefined ? arrays : []);
  const best = `best-${state.bestStep}.arrays`;
  for (const name of await readdir(context.directory))
    if (name.startsWith('best-') && name !== best) await rm(join(context.directory, name), { force: true });
}

async function updateHalf(
  moments: StateShelf,
  place: number,
  { half, gradients }: { readonly half: TrainedHalf; readonly gradients: Readonly<Record<string, Float32Array>> },
  {
    rate,
    state: { step },
    plan: { optimiser },
  }: { readonly rate: number; readonly state: TrainingState; readonly plan: TrainingPlan },
): Promise<void> {
  const scale = scaleToNorm(Object.values(gradients), optimiser.clipNorm);
  const both = await moments.read(place);
  let from = 0;
  for (const [part, values] of listMatrices(half.half)) {
    const { length } = values;
    const own = {
      first: both.subarray(from, from + length),
      second: both.subarray(from + length, from + 2 * length),
    };
    updateByAdamW(values, gradients[part] ?? new Float32Array(length), own, { step, rate, scale }, optimiser);
    from += 2 * length;
  }
  await moments.write(place, both);
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

/** How many steps the time limit allows, by the pace of those done. Leaves a tenth for what comes after the steps. */
function countSteps({ step, seconds }: TrainingState, { mostMinutes }: TrainingPlan): number {
  return Math.max(step, Math.floor((0.9 * 60 * mostMinutes * step) / Math.max(seconds, 1e-3)));
}

function describe({ loss, after }: TrainingState): string {
  const heldOut = after === undefined ? '' : `, held-out perplexity ${Math.exp(after).toPrecision(4)} at best`;
  return `recovering (loss ${loss.toPrecision(3)}${heldOut})`;
}

function toOutcome(context: TrainingContext, state: TrainingState): TrainingOutcome {
  const { step, tokens, seconds, before = Number.NaN, after = Number.NaN, bestStep, ended = 'finished' } = state;
  return { file: pathOfBest(context, bestStep), steps: step, tokens, seconds, before, after, bestStep, ended };
}
