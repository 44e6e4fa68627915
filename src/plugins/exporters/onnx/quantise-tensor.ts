import { setImmediate } from 'node:timers/promises';
import type { PrunedTensor } from '../../../core/ports/exporter.js';
import { decodeInto, DTYPE_BYTES } from '../../../engine/checkpoint/dtype.js';
import type { StoredTensor } from '../../../engine/graph/write-onnx.js';
import { quantiseMatrix } from '../../../engine/quantisation/quantised-matrix.js';

/** Values quantised in one turn of the event loop. */
const SLICE_VALUES = 1024 * 1024;

/** Names of what is stored of a matrix, as ONNX Runtime's own quantiser has them. */
export const quantisedName = (name: string): string => `${name}_quantized`;
export const scaleName = (name: string): string => `${name}_scale`;

/**
 * A matrix [out, in] in 8 bits, [in, out], and its scales [out]: max |w| / 127 of each output channel. Its scales are
 * known once it has been read; it is read again if they are asked for before.
 */
export function quantiseTensor(tensor: PrunedTensor): readonly [matrix: StoredTensor, scale: StoredTensor] {
  const [out = 0, inner = 0] = tensor.shape;
  let scales: Float32Array<ArrayBuffer> | undefined;
  const quantise = async (): Promise<Uint8Array> => {
    const values = new Int8Array(out * inner);
    const found = new Float32Array(out);
    const source = await tensor.read();
    const rowBytes = inner * DTYPE_BYTES[tensor.dtype];
    const step = Math.max(1, Math.floor(SLICE_VALUES / inner));
    for (let from = 0; from < out; from += step) {
      if (from > 0) await setImmediate();
      const rows = Math.min(step, out - from);
      const slice = new Float32Array(rows * inner);
      decodeInto(slice, source.subarray(from * rowBytes, (from + rows) * rowBytes), tensor.dtype);
      const quantised = quantiseMatrix(slice, rows, 'columns-first');
      found.set(quantised.scales, from);
      for (let row = 0; row < inner; row += 1)
        values.set(quantised.values.subarray(row * rows, (row + 1) * rows), row * out + from);
    }
    scales = found;
    return new Uint8Array(values.buffer);
  };
  return [
    { name: quantisedName(tensor.name), type: 'int8', shape: [inner, out], read: quantise },
    {
      name: scaleName(tensor.name),
      type: 'float32',
      shape: [out],
      read: async () => {
        if (scales === undefined) await quantise();
        return new Uint8Array(scales?.buffer ?? new ArrayBuffer(0));
      },
    },
  ];
}
