import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createStateShelf, type StateShelf } from '../compensation/state-shelf.js';
import { openArrayFile, writeArrayFile } from '../files/array-file.js';
import { createStatePool } from '../forward/hidden-states.js';
import { listMatrices, readHalves, type TrainedHalf } from './trained-halves.js';

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
  ended: 'finished' | 'out-of-time' | 'no-more-gain' | undefined;
}

export interface Training {
  readonly state: TrainingState;
  readonly halves: readonly TrainedHalf[];
  /** The moments of each half-block in one array: first and second of each matrix in turn. */
  readonly moments: StateShelf;
}

/** Where the weights lie that were best after a step. */
export function pathOfBest(directory: string, step: number): string {
  return join(directory, `best-${step}.arrays`);
}

/**
 * A training as it was saved, or from its beginning.
 *
 * @param begin the half-blocks before any training
 */
export async function openTraining(
  directory: string,
  {
    key,
    momentBytes,
    begin,
  }: { readonly key: string; readonly momentBytes: number; readonly begin: () => Promise<TrainedHalf[]> },
  signal: AbortSignal,
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
    const halves = await (known === undefined ? begin() : readHalves(pathOfBest(directory, state.bestStep)));
    const sizes = halves.map(({ half }) => 2 * listMatrices(half).reduce((sum, [, { length }]) => sum + length, 0));
    const moments = createStateShelf({ sizes, limitBytes: momentBytes, directory, pool: createStatePool() });
    if (state.ended === undefined)
      for (const [place, { name, half }] of halves.entries()) {
        signal.throwIfAborted();
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
export function beginSave(directory: string, { state, halves, moments }: Training, signal: AbortSignal): Save {
  const pass: (() => void)[] = [];
  const passed = halves.map((_, place) => new Promise<void>((resolve) => (pass[place] = resolve)));
  const arrays = [...halves.entries()].toReversed().flatMap(([place, { name, half }]) => {
    const matrices = listMatrices(half);
    let read: Float32Array | undefined;
    return [
      ...matrices.map(([part, values]) => ({ name: `${name}.${part}`, length: values.length, read: () => values })),
      {
        name: `${name}.moments`,
        length: 2 * matrices.reduce((sum, [, values]) => sum + values.length, 0),
        read: async () => (read = await moments.read(place)),
        written: () => {
          if (read !== undefined) moments.giveBack(place, read);
          pass[place]?.();
        },
      },
    ];
  });
  const { bestStep, ended } = state;
  const done = writeArrayFile(join(directory, STATE_FILE), state, ended === undefined ? arrays : [], signal).then(() =>
    removeFormer(directory, bestStep),
  );
  done.catch(() => undefined); // whoever waits for it hears of it
  return { passed: async (place) => Promise.race([passed[place], done]), done };
}

const STATE_FILE = 'state.arrays';

async function removeFormer(directory: string, bestStep: number): Promise<void> {
  for (const name of await readdir(directory)) {
    const step = /^best-(\d+)\.arrays$/.exec(name)?.[1];
    if (step !== undefined && Number(step) < bestStep) await rm(join(directory, name), { force: true });
  }
}

/** What a killed server did not finish writing. */
async function removeUnfinished(directory: string): Promise<void> {
  for (const name of await readdir(directory))
    if (/\.arrays\../.test(name)) await rm(join(directory, name), { force: true });
}
