import { describe, expect, it } from 'vitest';
import { countParameters } from '../../../src/core/model/parameters.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { hasShared, sharedPath } from '../../support/shared.js';

const STORIES = new URL('../../../models/stories260k', import.meta.url).pathname;

describe('openCheckpoint', () => {
  it('reads the demo model: sizes, and every parameter counted once', async () => {
    const checkpoint = await openCheckpoint(STORIES);
    const { shape } = checkpoint;
    expect(shape.layers).toEqual(Array.from({ length: 5 }, () => ({ kvHeads: 4, queryHeadsPerKv: 2, ffnChannels: 172 })));
    expect({ hidden: shape.hidden, headDim: shape.headDim, vocabulary: shape.vocabulary }).toEqual({ hidden: 64, headDim: 8, vocabulary: 512 });
    const bytes = [...checkpoint.tensors.values()].reduce((sum, entry) => sum + entry.bytes, 0);
    expect(countParameters(shape, shape.layers) * 4).toBe(bytes);
    await checkpoint.close();
  });

  describe.skipIf(!hasShared)('on the reference families', () => {
    it.each(['llama-gqa-tied', 'llama-head-dim-bias', 'llama-mha', 'llama-rope-llama3', 'mistral', 'qwen2', 'qwen3'])('opens %s', async (name) => {
      const checkpoint = await openCheckpoint(sharedPath('reference/families', name));
      const bytes = [...checkpoint.tensors.values()].reduce((sum, entry) => sum + entry.bytes, 0);
      expect(countParameters(checkpoint.shape, checkpoint.shape.layers) * 4).toBe(bytes);
      expect(await checkpoint.readTensor('model.norm.weight')).toHaveLength(32);
      await checkpoint.close();
    });
  });
});
