import { quantiseMatrix, takeColumns, takeInner, type QuantisedMatrix } from '../quantisation/quantised-matrix.js';
import { CHANNEL_BLOCK, headBlock, rotateRows } from '../quantisation/rotate-rows.js';
import type { HalfBlocks, HalfStep, ReadyHalf, RankedWeights, WholeHalf } from './half-blocks.js';
import type { WeightStore } from './weight-store.js';

/** A recipe's half-blocks with their matrices in 8 bits. */
export interface Int8Weights extends HalfBlocks {
  prepare(step: HalfStep): Promise<ReadyHalf<QuantisedMatrix>>;
}

export interface Int8Options {
  readonly hidden: number;
  readonly headDim: number;
  /** Distinguishes compensated maps of the same width under the same recipe; empty if there is only one per width. */
  readonly compensationKey: string;
}

/**
 * Quantises what `weights` returns. A sorted matrix is quantised once, as a whole, and the scales of its columns serve
 * every width: fewer rows of o and down are a view, fewer columns of the other matrices are a copy for the step. A
 * compensated map is quantised for its width. All of it is stored beside the float32 weights.
 *
 * The inputs of o and down have a few large values, which would leave only few of the 255 levels to the others. So
 * these inputs are rotated (`rotateRows`): those of o by rotating v, those of down in the graph, for which channels
 * come in whole blocks, padded with zeros.
 */
export function createInt8Weights(
  weights: RankedWeights,
  store: WeightStore,
  { hidden, headDim, compensationKey }: Int8Options,
): Int8Weights {
  const quantise = (
    key: string,
    read: () => Float32Array,
    layout: 'columns-first' | 'inner-first',
  ): Promise<QuantisedMatrix> =>
    store.get(`${key}:int8`, async () => {
      const matrix = read();
      return quantiseMatrix(matrix, layout === 'inner-first' ? hidden : matrix.length / hidden, layout);
    });

  /**
   * A map into the block, [columns, hidden] in float32: the whole map cut to the columns of `kept`, or a compensated one;
   * with zero columns up to `padded`, and rotated in blocks of columns if there are such.
   */
  const quantiseInput = async (
    key: string,
    whole: Float32Array,
    kept: Float32Array,
    { padded = kept.length / hidden, block }: { readonly padded?: number; readonly block?: number } = {},
  ): Promise<QuantisedMatrix> => {
    const columns = kept.length / hidden;
    const [name, matrix] = kept.buffer === whole.buffer ? [key, whole] : [`${key}:${compensationKey}:${columns}`, kept];
    const read = () => (block === undefined ? matrix : rotateRows(matrix, hidden, block));
    return takeColumns(await quantise(name, read, 'columns-first'), columns, padded);
  };

  /**
   * A map out of the block, [inner, hidden]: rows of the whole map, or compensated ones; rotated in blocks, and only
   * whole blocks are used.
   */
  const quantiseOutput = async (
    key: string,
    whole: Float32Array,
    kept: Float32Array,
    block: number,
  ): Promise<QuantisedMatrix> => {
    const inner = kept.length / hidden;
    const rotated = (matrix: Float32Array) => () => rotateRows(matrix, hidden, block);
    if (kept.buffer !== whole.buffer)
      return quantise(`${key}:${compensationKey}:${inner}`, rotated(kept), 'inner-first');
    return takeInner(await quantise(key, rotated(whole), 'inner-first'), pad(inner, block));
  };

  const quantiseAttention = async (
    half: Extract<ReadyHalf, { kind: 'attention' }>,
    { name, weights: whole }: Extract<WholeHalf, { kind: 'attention' }>,
  ): Promise<ReadyHalf<QuantisedMatrix>> => {
    const kept = half.weights;
    const block = headBlock(headDim);
    return {
      ...half,
      weights: {
        ...kept,
        query: await quantiseInput(`${name}:query`, whole.query, kept.query),
        key: await quantiseInput(`${name}:key`, whole.key, kept.key),
        // Attention mixes tokens, not the dimensions of a head: rotated values of v arrive as rotated inputs of o.
        value: await quantiseInput(`${name}:value`, whole.value, kept.value, { block }),
        valueBias: kept.valueBias === undefined ? undefined : rotateRows(kept.valueBias, 1, block),
        output: await quantiseOutput(`${name}:output`, whole.output, kept.output, block),
      },
    };
  };

  const quantiseFfn = async (
    half: Extract<ReadyHalf, { kind: 'ffn' }>,
    { name, weights: whole }: Extract<WholeHalf, { kind: 'ffn' }>,
  ): Promise<ReadyHalf<QuantisedMatrix>> => {
    const kept = half.weights;
    const channels = pad(half.channels, CHANNEL_BLOCK);
    return {
      ...half,
      channels,
      weights: {
        ...kept,
        gate: await quantiseInput(`${name}:gate`, whole.gate, kept.gate, { padded: channels }),
        up: await quantiseInput(`${name}:up`, whole.up, kept.up, { padded: channels }),
        down: await quantiseOutput(`${name}:down`, whole.down, kept.down, CHANNEL_BLOCK),
        gateBias: padBias(kept.gateBias, channels),
        upBias: padBias(kept.upBias, channels),
      },
    };
  };

  return {
    keepsDropped: weights.keepsDropped,
    prepare: async (step) => {
      const half = await weights.prepare(step);
      if (half.kind === 'nothing' || half.kind === 'bias') return half;
      const whole = await weights.whole(step);
      if (half.kind === 'attention' && whole?.kind === 'attention') return quantiseAttention(half, whole);
      if (half.kind === 'ffn' && whole?.kind === 'ffn') return quantiseFfn(half, whole);
      throw new RangeError(`the whole ${half.kind} half-block of layer ${step.layer} is ${whole?.kind ?? 'absent'}`);
    },
  };
}

/** The next multiple of a block. */
function pad(units: number, block: number): number {
  return Math.ceil(units / block) * block;
}

function padBias(bias: Float32Array | undefined, length: number): Float32Array | undefined {
  if (bias === undefined) return undefined;
  const padded = new Float32Array(length);
  padded.set(bias);
  return padded;
}
