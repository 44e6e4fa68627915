import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { TensorDtype } from '../../../engine/checkpoint/checkpoint.js';
import { DTYPE_LIMITS } from '../../../engine/checkpoint/dtype.js';
import { type BlockType, quantiseBlocks } from '../../../engine/simd/kernels.js';

/**
 * Fills `target` with values quantised in blocks of 32; rows are whole blocks. Throws VALUES_OUT_OF_RANGE, which names the
 * tensor, for values whose step no float16 holds.
 */
export function encodeBlocks(
  values: Uint8Array,
  dtype: TensorDtype,
  { target, type, name }: { readonly target: Uint8Array; readonly type: BlockType; readonly name: string },
): void {
  const largest = quantiseBlocks(values, dtype, target, type);
  if (largest < DTYPE_LIMITS.F16) return;
  throw new PrunecastError(
    'VALUES_OUT_OF_RANGE',
    `${name}: a block of values has the step ${largest}, which ${type} cannot hold: write the output as bf16 or f32`,
    { metadata: { tensor: name, dtype: type, value: String(largest) } },
  );
}
