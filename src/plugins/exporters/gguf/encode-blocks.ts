import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { TensorDtype } from '../../../engine/checkpoint/checkpoint.js';
import { DTYPE_BYTES, DTYPE_LIMITS } from '../../../engine/checkpoint/dtype.js';
import { BLOCK_BYTES, BLOCK_VALUES, type BlockType, quantiseBlocks } from '../../../engine/simd/kernels.js';

/**
 * Quantises values in blocks of 32; rows are whole blocks. Throws VALUES_OUT_OF_RANGE, which names the tensor, for values
 * whose step no float16 holds.
 */
export function encodeBlocks(values: Uint8Array, dtype: TensorDtype, type: BlockType, name: string): Uint8Array {
  const blocks = values.length / DTYPE_BYTES[dtype] / BLOCK_VALUES;
  const bytes = new Uint8Array(blocks * BLOCK_BYTES[type]);
  const largest = quantiseBlocks(values, dtype, bytes, type);
  if (largest < DTYPE_LIMITS.F16) return bytes;
  throw new PrunecastError(
    'VALUES_OUT_OF_RANGE',
    `${name}: a block of values has the step ${largest}, which ${type} cannot hold: write the output as bf16 or f32`,
    { metadata: { tensor: name, dtype: type, value: String(largest) } },
  );
}
