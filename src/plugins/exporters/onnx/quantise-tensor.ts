import { setImmediate } from 'node:timers/promises';
import type { PrunedTensor } from '../../../core/ports/exporter.js';
import { decodeInto, DTYPE_BYTES } from '../../../engine/checkpoint/dtype.js';
import { readPieces } from '../../../engine/checkpoint/read-pieces.js';
import type { StoredTensor } from '../../../engine/graph/write-onnx.js';
import { roundEven } from '../../../engine/quantisation/quantised-matrix.js';

/** Inputs of an output channel that share a scale. */
export const BLOCK = 32;

/** Output channels quantised in one turn of the event loop. */
const SLICE = 64;

const MOST = 127;

/** Names of what is stored of a matrix, as ONNX Runtime's own quantiser has them. */
export const quantisedName = (name: string): string => `${name}_quantized`;
export const scaleName = (name: string): string => `${name}_scale`;

/**
 * A matrix [out, in] in 8 bits, [in, out], and its scales [ceil(in / 32), out]: max |w| / 127 of each 32 inputs of an
 * output channel. It is read in pieces but written as a whole: each row that is written has values of all that are read.
 * The scales are known once the matrix has been read; it is read again if they are asked for before.
 */
export function quantiseTensor(tensor: PrunedTensor): readonly [matrix: StoredTensor, scale: StoredTensor] {
  const [out = 0, inner = 0] = tensor.shape;
  const blocks = Math.ceil(inner / BLOCK);
  let scales: Float32Array<ArrayBuffer> | undefined;
  const quantise = async (): Promise<Uint8Array> => {
    const values = new Int8Array(out * inner);
    const found = new Float32Array(out * blocks);
    const rowBytes = inner * DTYPE_BYTES[tensor.dtype];
    let from = 0;
    for await (const piece of readPieces(tensor, out * rowBytes))
      for (let start = 0; start < piece.length; start += SLICE * rowBytes) {
        if (from > 0) await setImmediate();
        const source = piece.subarray(start, start + SLICE * rowBytes);
        const slice = new Float32Array(source.length / DTYPE_BYTES[tensor.dtype]);
        decodeInto(slice, source, tensor.dtype);
        const rows = slice.length / inner;
        // Blocks in the outer loop: what is written of one stays in the first-level cache, whatever its layout.
        for (let block = 0; block < blocks; block += 1) {
          const [begin, end] = [block * BLOCK, Math.min((block + 1) * BLOCK, inner)];
          for (let row = 0; row < rows; row += 1) {
            let most = 0;
            for (let at = begin; at < end; at += 1) most = Math.max(most, Math.abs(slice[row * inner + at] as number));
            found[block * out + from + row] = most / MOST;
            const inverse = most === 0 ? 0 : MOST / most;
            for (let at = begin; at < end; at += 1)
              values[at * out + from + row] = roundEven((slice[row * inner + at] as number) * inverse);
          }
        }
        from += rows;
      }
    scales = found;
    return new Uint8Array(values.buffer);
  };
  return [
    { name: quantisedName(tensor.name), type: 'int8', shape: [inner, out], rowsTogether: inner, read: quantise },
    {
      name: scaleName(tensor.name),
      type: 'float32',
      shape: [blocks, out],
      rowsTogether: blocks,
      read: async () => {
        if (scales === undefined) await quantise();
        return new Uint8Array(scales?.buffer ?? new ArrayBuffer(0));
      },
    },
  ];
}
