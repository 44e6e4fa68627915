import type { ModelShape } from '../../../core/model/shape.js';
import type { OpenedTensor, RowRange, StoredValues } from '../../../core/ports/exporter.js';
import { decodeInto, DTYPE_BYTES, listHalfSteps } from '../../../engine/checkpoint/dtype.js';
import { findFamily } from '../../../engine/families/find-family.js';
import { listTensors } from '../../../engine/families/list-tensors.js';
import type { CheckpointFiles } from '../../../engine/files/checkpoint-files.js';
import { malformed } from '../../../engine/files/model-errors.js';
import { readFully } from '../../../engine/files/read-write.js';
import type { DescribedTensor } from '../../../engine/graph/read-onnx.js';
import { TYPE_BYTES } from '../../../engine/graph/write-onnx.js';
import { BLOCK, listStored, type StoredForm } from './list-stored.js';
import type { MatrixType } from './matrix-type.js';
import { ZERO } from './quantise-tensor.js';

/** The bytes of some rows of what is stored of a tensor. */
type ReadRows = (rows: RowRange) => Promise<Uint8Array<ArrayBuffer>>;

/**
 * The weights of a graph as a checkpoint has them, read from its files. Throws MODEL_MALFORMED for one whose values are
 * fewer or more than its shape asks for.
 *
 * @param tensors has all that the shape asks for
 */
export function readStored(
  files: Pick<CheckpointFiles, 'use'>,
  tensors: ReadonlyMap<string, DescribedTensor>,
  shape: ModelShape,
  type: MatrixType,
): readonly OpenedTensor[] {
  const open = ({ name, type: stored, shape: sizes }: StoredForm): ReadRows => {
    const { file, offset, bytes } = tensors.get(name) ?? { file: '', offset: 0, bytes: 0 };
    const wanted = sizes.reduce((product, size) => product * size, TYPE_BYTES[stored]);
    if (bytes !== wanted) throw malformed(file, `has ${bytes} bytes; its shape asks for ${wanted}`, { tensor: name });
    const rowBytes = bytes / Math.max(1, sizes[0] ?? 1);
    return async ({ first, count }) => {
      const target = new Uint8Array(count * rowBytes);
      await files.use(file, (handle) => readFully(handle, target, offset + first * rowBytes, file));
      return target;
    };
  };
  return listTensors(findFamily(shape.family), shape).map((tensor): OpenedTensor => {
    const { name, shape: sizes } = tensor;
    const [values, scales] = listStored(tensor, type) as readonly [StoredForm, StoredForm?];
    const all = { first: 0, count: sizes[0] ?? 1 };
    const readValues = open(values);
    if (scales === undefined) {
      const dtype = values.type === 'float16' ? 'F16' : 'F32';
      return { name, shape: sizes, read: async (rows = all) => decodeFloats(await readValues(rows), dtype) };
    }
    const readScales = open(scales);
    return {
      name,
      shape: sizes,
      read: async (rows = all) =>
        decodeBlocks(await readValues(rows), new Float32Array((await readScales(rows)).buffer), sizes[1] ?? 0),
    };
  });
}

function decodeFloats(bytes: Uint8Array, dtype: 'F32' | 'F16'): StoredValues {
  const values = new Float32Array(bytes.length / DTYPE_BYTES[dtype]);
  decodeInto(values, bytes, dtype);
  return { values, maxErrors: listHalfSteps(values, dtype) };
}

/** A scale is rounded to float32, and so are a quotient by it and a product with it: less than this share of a step. */
const SCALE_ERROR = 2 ** -14;

/** @param inner values of a row, whose last block may have more */
function decodeBlocks(quants: Uint8Array, scales: Float32Array, inner: number): StoredValues {
  const blocks = Math.ceil(inner / BLOCK);
  const rows = blocks === 0 ? 0 : scales.length / blocks;
  const [values, maxErrors] = [new Float32Array(rows * inner), new Float32Array(rows * inner)];
  for (const [index, scale] of scales.entries()) {
    const [row, block] = [Math.floor(index / blocks), index % blocks];
    const [from, to] = [row * inner + block * BLOCK, row * inner + Math.min((block + 1) * BLOCK, inner)];
    for (let at = from; at < to; at += 1) values[at] = scale * ((quants[index * BLOCK + at - from] as number) - ZERO);
    maxErrors.fill(scale * (0.5 + SCALE_ERROR), from, to);
  }
  return { values, maxErrors };
}
