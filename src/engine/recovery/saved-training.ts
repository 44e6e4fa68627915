import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainingResult } from '../../core/ports/recovery.js';
import { createStateShelf, type StateShelf } from '../compensation/state-shelf.js';
import { openArrayFile, writeArrayFile, type ArrayFile } from '../files/array-file.js';
import { createBufferPool } from '../forward/hidden-states.js';
import type { Parameters } from './parameters.js';
import { readHalves, type TrainedHalf } from './trained-halves.js';

/** What of a training is written down beside the arrays. */
export interface TrainingState {
  /** Names the training; the state of another one is not continued. */
  readonly key: string;
  /** Done so far. */
  step: number;
  /** Of the whole training; undefined until the pace is known. */
  steps: number | undefined;
  tokens: number;
  seconds: number;
  /** Of the steps by which the pace is judged. */
  pacedSeconds: number;
  /** Of the last check. */
  checkSeconds: number;
  /** Of the last step. */
  loss: number;
  /** Held-out losses before training, and the best. */
  before: number | undefined;
  after: number | undefined;
  bestStep: number;
  /** Checks since the best. */
  lostChecks: number;
  ended: TrainingResult['ended'] | undefined;
}

export interface Training {
  readonly state: TrainingState;
  readonly halves: readonly TrainedHalf[];
  readonly parameters: Parameters;
  /** For each half-block an array: first and second moments of each of its parameters in turn, then their base. */
  readonly moments: StateShelf;
  /** Whose weights the saved parameters belong to: the best, or those before training. */
  readonly from: 'best' | 'first';
}

/** Where the weights lie that were best after a step. */
export function pathOfBest(directory: string, step: number): string {
  return join(directory, `best-${step}.arrays`);
}

/**
 * A training as it was saved, or from its beginning.
 *
 * @param begin the half-blocks before any training
 * @param parameterise what is trained of them
 * @param tell is told the share of the beginning that is done
 */
export async function openTraining(
  directory: string,
  {
    key,
    momentBytes,
    begin,
    parameterise,
    from,
  }: {
    readonly key: string;
    readonly momentBytes: number;
    readonly begin: (tell: (share: number) => void) => Promise<TrainedHalf[]>;
    readonly parameterise: (halves: readonly TrainedHalf[]) => Parameters;
    readonly from: Training['from'];
  },
  signal: AbortSignal,
  tell: (share: number) => void = () => undefined,
): Promise<Training> {
  await removeUnfinished(directory);
  const file = await openArrayFile<TrainingState>(join(directory, STATE_FILE));
  try {
    const known = file?.document.key === key ? file : undefined;
    const state = known?.document ?? {
      key,
      step: 0,
      steps: undefined,
      tokens: 0,
      seconds: 0,
      pacedSeconds: 0,
      checkSeconds: 0,
      loss: Number.NaN,
      before: undefined,
      after: undefined,
      bestStep: 0,
      lostChecks: 0,
      ended: undefined,
    };
    const step = from === 'first' && state.ended === undefined ? 0 : state.bestStep;
    const halves = await (known === undefined
      ? begin((share) => tell(share / 2))
      : readHalves(pathOfBest(directory, step)));
    const parameters = parameterise(halves);
    const lengths = halves.map((_, place) => countMoments(parameters, place));
    const sizes = lengths.map((length, place) => length + parameters.countBase(place));
    const pool = createBufferPool(Math.max(0, ...sizes));
    const moments = createStateShelf({ sizes, limitBytes: momentBytes, directory, pool });
    if (state.ended === undefined)
      for (const [place, { name: half }] of halves.entries()) {
        signal.throwIfAborted();
        const beside = new Float32Array(sizes[place] ?? 0);
        const base = beside.subarray(lengths[place]);
        parameters.copyBase(place, base);
        if (known !== undefined) {
          for (const { name, values } of parameters.list(place)) values.set(await readSaved(known, `${half}.${name}`));
          beside.set(await readSaved(known, `${half}.moments`));
          await parameters.merge(place, base);
        }
        await moments.write(place, beside);
        tell((1 + (place + 1) / halves.length) / 2);
      }
    return { state, halves, parameters, moments, from };
  } finally {
    await file?.close();
  }
}

/** How many moments a half-block's parameters have. */
function countMoments(parameters: Parameters, place: number): number {
  return 2 * parameters.list(place).reduce((sum, { values }) => sum + values.length, 0);
}

async function readSaved(file: ArrayFile<TrainingState>, name: string): Promise<Float32Array> {
  const values = await file.read(name);
  if (values === undefined) throw new RangeError(`the saved training has no ${name}`);
  return values;
}

/** A state that is being written while the training goes on. */
export interface Save {
  /** Settles once this half-block is written, and may change. */
  passed(place: number): Promise<void>;
  /** Settles once the state has taken the place of the former one. */
  readonly done: Promise<void>;
}

/**
 * Begins to write the state, the last half-block first, which the next step changes first; then removes weights that are
 * not the best any more.
 */
export function beginSave(
  directory: string,
  { state, halves, parameters, moments, from }: Training,
  signal: AbortSignal,
): Save {
  const pass: (() => void)[] = [];
  const passed = halves.map((_, place) => new Promise<void>((resolve) => (pass[place] = resolve)));
  const arrays = [...halves.entries()].toReversed().flatMap(([place, { name: half }]) => {
    const length = countMoments(parameters, place);
    let read: Float32Array | undefined;
    return [
      ...parameters
        .list(place)
        .map(({ name, values }) => ({ name: `${half}.${name}`, length: values.length, read: () => values })),
      {
        name: `${half}.moments`,
        length,
        read: async () => {
          read = await moments.read(place);
          return read.subarray(0, length);
        },
        written: () => {
          if (read !== undefined) moments.giveBack(place, read);
          pass[place]?.();
        },
      },
    ];
  });
  const { bestStep, ended } = state;
  const done = writeArrayFile(join(directory, STATE_FILE), state, ended === undefined ? arrays : [], signal).then(() =>
    removeFormer(directory, bestStep, ended === undefined ? from : 'best'),
  );
  done.catch(() => undefined); // whoever waits for it hears of it
  return { passed: async (place) => Promise.race([passed[place], done]), done };
}

const STATE_FILE = 'state.arrays';

/** Removes weights that were best once; later ones than the state knows may have come meanwhile. */
async function removeFormer(directory: string, bestStep: number, from: Training['from']): Promise<void> {
  const first = from === 'first' ? 1 : 0;
  for (const name of await readdir(directory)) {
    const step = Number(/^best-(\d+)\.arrays$/.exec(name)?.[1] ?? Number.NaN);
    if (step >= first && step < bestStep) await rm(join(directory, name), { force: true });
  }
}

/** What a killed server did not finish writing. */
async function removeUnfinished(directory: string): Promise<void> {
  for (const name of await readdir(directory))
    if (/\.arrays\../.test(name)) await rm(join(directory, name), { force: true });
}
