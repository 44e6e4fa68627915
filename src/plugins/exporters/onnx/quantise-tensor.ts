import { setImmediate } from 'node:timers/promises';
import type { PrunedTensor } from '../../../core/ports/exporter.js';
import { decodeInto, DTYPE_BYTES } from '../../../engine/checkpoint/dtype.js';
import type { StoredTensor } from '../../../engine/graph/write-onnx.js';
import { roundEven } from '../../../engine/quantisation/quantised-matrix.js';
import { BLOCK, listQuantised } from './list-stored.js';

/** What is stored of a weight of 0: MatMulNBits takes 8 bits as unsigned, and subtracts it. */
export const ZERO = 128;

/** The largest weight of a block is stored as 128 plus or minus this. */
const MOST = 127;

/** Values quantised in one turn of the event loop. */
const SLICE_VALUES = 256 * 1024;

/**
 * A matrix [out, in] in 8 bits, quantised as it is read, some rows at a time, and its scales: max |w| / 127 of each 32
 * inputs of an output channel. The scales are known once all rows have been read, and kept until they have been.
 */
export function quantiseTensor(tensor: PrunedTensor): readonly [values: StoredTensor, scales: StoredTensor] {
  const [quantised, scale] = listQuantised(tensor);
  const [out = 0, blocks = 0] = scale.shape;
  const all = { first: 0, count: out };
  let scales: Float32Array | undefined;
  return [
    {
      ...quantised,
      read: async ({ first, count } = all) => {
        scales ??= new Float32Array(out * blocks);
        const source = await tensor.read({ first, count });
        return quantiseRows(source, tensor, scales.subarray(first * blocks, (first + count) * blocks));
      },
    },
    {
      ...scale,
      read: async ({ first, count } = all) => {
        if (scales === undefined) throw new RangeError(`${scale.name} are known once ${quantised.name} has been read`);
        const found = scales.slice(first * blocks, (first + count) * blocks);
        if (first + count === out) scales = undefined;
        return new Uint8Array(found.buffer);
      },
    },
  ];
}

/** @param scales are set: one for each block of the rows */
async function quantiseRows(
  source: Uint8Array,
  { dtype, shape: [, inner = 0] }: PrunedTensor,
  scales: Float32Array,
): Promise<Uint8Array> {
  const values = new Uint8Array(scales.length * BLOCK).fill(ZERO);
  const sliceBytes = Math.max(1, Math.floor(SLICE_VALUES / inner)) * inner * DTYPE_BYTES[dtype];
  let block = 0;
  for (let start = 0; start < source.length; start += sliceBytes) {
    if (start > 0) await setImmediate();
    const bytes = source.subarray(start, start + sliceBytes);
    const slice = new Float32Array(bytes.length / DTYPE_BYTES[dtype]);
    decodeInto(slice, bytes, dtype);
    for (let row = 0; row < slice.length; row += inner)
      for (let from = row; from < row + inner; from += BLOCK, block += 1)
        scales[block] = quantiseBlock(slice, from, Math.min(from + BLOCK, row + inner), values, block * BLOCK);
  }
  return values;
}

/** Returns the scale. */
function quantiseBlock(weights: Float32Array, from: number, to: number, values: Uint8Array, place: number): number {
  let most = 0;
  for (let at = from; at < to; at += 1) most = Math.max(most, Math.abs(weights[at] as number));
  const inverse = most === 0 ? 0 : MOST / most;
  for (let at = from; at < to; at += 1) values[place + at - from] = ZERO + roundEven((weights[at] as number) * inverse);
  return most / MOST;
}
