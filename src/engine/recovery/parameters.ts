import { createRng } from '../../core/random.js';
import type { LowRankFactors, LowRankProducts } from '../graph/low-rank-products.js';
import { isKept, readMap, type MapPart } from '../weights/map-parts.js';
import { listMatrices, type TrainedHalf } from './trained-halves.js';

/** What a training changes of half-blocks, by their places: all weights of their matrices, or low-rank factors. */
export interface Parameters {
  /** The arrays of a half-block that are trained. */
  list(place: number): readonly { readonly name: string; readonly values: Float32Array }[];
  /** Values that a half-block needs at each update beside these: its matrices before training, or none. */
  countBase(place: number): number;
  /** Writes them. */
  copyBase(place: number, into: Float32Array): void;
  /** The gradients of the listed arrays from those of the matrices. */
  gradients(place: number, ofMatrices: Readonly<Record<string, Float32Array>>): Promise<readonly Float32Array[]>;
  /** Brings the matrices up to date with the listed arrays. */
  merge(place: number, base: Float32Array): Promise<void>;
}

/** The matrices themselves. */
export function trainMatrices(halves: readonly TrainedHalf[]): Parameters {
  const arrays = halves.map(({ half }) => listMatrices(half).map(([name, values]) => ({ name, values })));
  return {
    list: (place) => arrays[place] ?? [],
    countBase: () => 0,
    copyBase: () => undefined,
    gradients: async (place, ofMatrices) =>
      (arrays[place] ?? []).map(({ name, values }) => ofMatrices[name] ?? new Float32Array(values.length)),
    merge: () => Promise.resolve(),
  };
}

/**
 * Low-rank factors of what is added to each matrix ("LoRA: Low-Rank Adaptation of Large Language Models", arXiv
 * 2106.09685): W = W0 + B A, B [rows, rank] and A [rank, hidden]. B begins at zero, and A with entries of variance 1 / rank,
 * so that the first steps of AdamW move a weight about as far as if it were trained itself. W is kept merged.
 */
export function trainFactors(
  halves: readonly TrainedHalf[],
  { rank, seed }: { readonly rank: number; readonly seed: number },
  products: LowRankProducts,
): Parameters {
  const rng = createRng(seed);
  const factors = halves.map(({ name, half }) =>
    listMatrices(half).map(([part, { length }]) => {
      const hidden = isKept(half) ? half.weights.norm.length : 1;
      const own = Math.min(rank, hidden, length / hidden);
      return { part, ...beginFactors(length / hidden, hidden, own, rng.fork(`factors ${name} ${part}`).uniform) };
    }),
  );
  const matrixOf = (place: number, part: MapPart): Float32Array => {
    const half = halves[place]?.half;
    if (half === undefined || !isKept(half)) throw new RangeError(`half-block ${place} has no matrices`);
    return readMap(half, part);
  };
  const matricesOf = (place: number): Float32Array[] => (factors[place] ?? []).map(({ part }) => matrixOf(place, part));
  return {
    list: (place) =>
      (factors[place] ?? []).flatMap(({ part, a, b }) => [
        { name: `${part}.a`, values: a },
        { name: `${part}.b`, values: b },
      ]),
    countBase: (place) => matricesOf(place).reduce((sum, { length }) => sum + length, 0),
    copyBase: (place, into) => {
      let from = 0;
      for (const matrix of matricesOf(place)) {
        into.set(matrix, from);
        from += matrix.length;
      }
    },
    gradients: async (place, ofMatrices) => {
      const found: Float32Array[] = [];
      for (const own of factors[place] ?? []) {
        const { a, b } = await products.gradients(own, ofMatrices[own.part] ?? matrixOf(place, own.part).map(() => 0));
        found.push(a, b);
      }
      return found;
    },
    merge: async (place, base) => {
      let from = 0;
      for (const own of factors[place] ?? []) {
        const matrix = matrixOf(place, own.part);
        await products.merge(own, base.subarray(from, from + matrix.length), matrix);
        from += matrix.length;
      }
    },
  };
}

function beginFactors(rows: number, columns: number, rank: number, uniform: () => number): LowRankFactors {
  const width = Math.sqrt(3 / rank); // uniform in [-width, width] has variance 1 / rank
  return {
    a: Float32Array.from({ length: rank * columns }, () => width * (2 * uniform() - 1)),
    b: new Float32Array(rows * rank),
    rank,
  };
}
