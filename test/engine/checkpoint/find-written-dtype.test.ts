import { describe, expect, it } from 'vitest';
import type { TensorDtype, TensorEntry } from '../../../src/engine/checkpoint/checkpoint.js';
import { findFamily } from '../../../src/engine/families/find-family.js';
import { findWrittenDtype } from '../../../src/engine/checkpoint/find-written-dtype.js';

const EMBEDDING = 'model.embed_tokens.weight';
const WEIGHT = 'model.layers.0.self_attn.o_proj.weight';
const BIAS = 'model.layers.0.self_attn.o_proj.bias';

/** The dtype of a bias of o where the checkpoint has these tensors. */
function dtypeOfBias(role: 'bias' | 'left-bias', dtypes: Readonly<Record<string, TensorDtype>>): TensorDtype {
  const tensors = new Map(Object.entries(dtypes).map(([name, dtype]) => [name, { dtype } as TensorEntry]));
  return findWrittenDtype({ tensors }, findFamily('llama'), { name: BIAS, layer: 0, part: 'output' }, role);
}

describe('findWrittenDtype', () => {
  it('is that of the checkpoint where it has the tensor, and of the weight where a bias is added', () => {
    expect(dtypeOfBias('bias', { [EMBEDDING]: 'F32', [WEIGHT]: 'F16', [BIAS]: 'BF16' })).toBe('BF16');
    expect(dtypeOfBias('bias', { [EMBEDDING]: 'F32', [WEIGHT]: 'F16' })).toBe('F16');
  });

  it('of a bias that is left of a half-block is that of the weight it stands for, not of the bias of that half-block', () => {
    expect(dtypeOfBias('left-bias', { [EMBEDDING]: 'F32', [WEIGHT]: 'F16', [BIAS]: 'BF16' })).toBe('F16');
    expect(dtypeOfBias('left-bias', { [EMBEDDING]: 'F32', [BIAS]: 'BF16' })).toBe('BF16');
    expect(dtypeOfBias('left-bias', { [EMBEDDING]: 'F32' })).toBe('F32');
  });
});
