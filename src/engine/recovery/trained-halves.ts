import type { Architecture } from '../../core/model/shape.js';
import { nameHalf } from '../calibration/gram-store.js';
import { openArrayFile, writeArrayFile, type ArrayFile } from '../files/array-file.js';
import { listSteps, type RankedWeights, type ReadyHalf } from '../weights/half-blocks.js';
import type { AttentionWeights, FfnWeights } from '../weights/layer-weights.js';
import { INPUT_PARTS, isKept, OUTPUT_PART, readMap, type MapPart } from '../weights/map-parts.js';
import type { ReplacedHalves } from '../weights/replaced-halves.js';
import type { WeightStore } from '../weights/weight-store.js';
import type { RoundWritten } from './round-written.js';

/** A half-block under training: its arrays are its own, and change. */
export interface TrainedHalf {
  /** From `nameHalf`. */
  readonly name: string;
  readonly half: ReadyHalf;
}

/** The matrices of a half-block that training changes, by name; none if it is dropped. */
export function listMatrices(half: ReadyHalf): [name: MapPart, values: Float32Array][] {
  if (!isKept(half)) return [];
  return [...INPUT_PARTS[half.kind], OUTPUT_PART[half.kind]].map((part) => [part, readMap(half, part)]);
}

/**
 * Copies of all half-blocks of an architecture, in the order of the forward pass.
 *
 * @param round to what an output holds; by default nothing is rounded
 * @param tell is told the share that is copied
 */
export async function copyHalves(
  weights: RankedWeights,
  architecture: Architecture,
  round: RoundWritten = (_name, _part, values) => values,
  tell: (share: number) => void = () => undefined,
): Promise<TrainedHalf[]> {
  const halves: TrainedHalf[] = [];
  const steps = listSteps(architecture);
  for (const step of steps) {
    const name = nameHalf(step);
    const half = await mapArrays(await weights.prepare(step), async (part, values) =>
      round(name, part, values.slice()),
    );
    halves.push({ name, half });
    tell(halves.length / steps.length);
  }
  return halves;
}

/** What a file of trained half-blocks says of them. */
export interface TrainedDocument {
  /** The half-blocks without their arrays. */
  readonly halves: readonly { readonly name: string; readonly half: ReadyHalf }[];
}

/** A half-block as an output will hold it; arrays that it holds exactly are shared. */
export function roundHalf({ name, half }: TrainedHalf, round: RoundWritten): Promise<ReadyHalf> {
  return mapArrays(half, async (part, values) => round(name, part, values));
}

/** Writes half-blocks as an output will hold them. */
export async function writeHalves(
  path: string,
  halves: readonly TrainedHalf[],
  round: RoundWritten,
  signal: AbortSignal,
): Promise<void> {
  const arrays: { readonly name: string; readonly length: number; readonly read: () => Float32Array }[] = [];
  const described: { name: string; half: ReadyHalf }[] = [];
  for (const { name, half } of halves) {
    const without = await mapArrays(half, (part, values) => {
      arrays.push({ name: `${name}.${part}`, length: values.length, read: () => round(name, part, values) });
      return Promise.resolve(new Float32Array());
    });
    described.push({ name, half: without });
  }
  await writeArrayFile(path, { halves: described } satisfies TrainedDocument, arrays, signal);
}

/** All half-blocks of a file of `writeHalves`. */
export async function readHalves(path: string): Promise<TrainedHalf[]> {
  const file = await openTrained(path);
  try {
    const halves: TrainedHalf[] = [];
    for (const { name, half } of file.document.halves) halves.push({ name, half: await readHalf(file, name, half) });
    return halves;
  } finally {
    await file.close();
  }
}

/** The half-blocks of a file, each read when it is needed and stored as other weights are. */
export function openReplacedHalves(path: string, key: string, store: WeightStore): ReplacedHalves {
  return {
    key: `${key}:trained`,
    find: async (name) => {
      const { half } = await store.get(`${key}:trained:${name}`, async () => {
        const file = await openTrained(path);
        try {
          const described = file.document.halves.find((other) => other.name === name);
          const found = described === undefined ? undefined : await readHalf(file, name, described.half);
          // The arrays are named beside the half-block, so that the store counts them.
          return { half: found, ...listArrays(found) };
        } finally {
          await file.close();
        }
      });
      return half;
    },
  };
}

function listArrays(half: ReadyHalf | undefined): Record<string, Float32Array> {
  if (half === undefined || half.kind === 'nothing') return {};
  if (half.kind === 'bias') return { bias: half.bias };
  return Object.fromEntries(
    Object.entries(half.weights).flatMap(([part, values]: [string, Float32Array | undefined]) =>
      values === undefined ? [] : [[part, values]],
    ),
  );
}

async function openTrained(path: string): Promise<ArrayFile<TrainedDocument>> {
  const file = await openArrayFile<TrainedDocument>(path);
  if (file === undefined) throw new RangeError(`the trained weights ${path} are gone`);
  return file;
}

function readHalf(file: ArrayFile<TrainedDocument>, name: string, half: ReadyHalf): Promise<ReadyHalf> {
  return mapArrays(half, async (part) => {
    const values = await file.read(`${name}.${part}`);
    if (values === undefined) throw new RangeError(`${name} has no array ${part}`);
    return values;
  });
}

/** The same half-block with other arrays. */
async function mapArrays(
  half: ReadyHalf,
  map: (part: string, values: Float32Array) => Promise<Float32Array>,
): Promise<ReadyHalf> {
  if (half.kind === 'nothing') return half;
  if (half.kind === 'bias') return { ...half, bias: await map('bias', half.bias) };
  return half.kind === 'attention'
    ? { ...half, weights: await mapWeights(half.weights, map) }
    : { ...half, weights: await mapWeights(half.weights, map) };
}

async function mapWeights<Weights extends AttentionWeights | FfnWeights>(
  weights: Weights,
  map: (part: string, values: Float32Array) => Promise<Float32Array>,
): Promise<Weights> {
  const mapped: Record<string, Float32Array> = {};
  for (const [part, values] of Object.entries(weights) as [string, Float32Array | undefined][])
    if (values !== undefined) mapped[part] = await map(part, values);
  return { ...weights, ...mapped };
}
