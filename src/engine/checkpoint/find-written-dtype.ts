import type { Checkpoint, TensorDtype } from './checkpoint.js';
import type { Family } from '../families/family.js';
import { nameBlockTensor, type TensorSpec } from '../families/list-tensors.js';

/**
 * The dtype in which an output holds a tensor: that of the checkpoint's own; for a bias that the checkpoint lacks that
 * of its weight, and where the checkpoint has dropped that too, that of the embedding.
 *
 * @param role `left-bias`: all that is left of a half-block. Where the checkpoint still has the half-block, its own bias
 * means something else, so that this one counts as added
 */
export function findWrittenDtype(
  { tensors }: Pick<Checkpoint, 'tensors'>,
  family: Family,
  { name, layer, part }: Pick<TensorSpec, 'name' | 'layer' | 'part'>,
  role: TensorSpec['kind'] | 'left-bias',
): TensorDtype {
  const own = tensors.get(name);
  const weight =
    layer === undefined || part === 'embedding' || part === 'finalNorm' || part === 'head'
      ? undefined
      : tensors.get(nameBlockTensor(family, layer, part));
  const entry =
    (role === 'left-bias' ? (weight ?? own) : (own ?? weight)) ?? tensors.get(`${family.names.embedding}.weight`);
  if (entry === undefined) throw new RangeError(`the source has neither ${name} nor an embedding`);
  return entry.dtype;
}
