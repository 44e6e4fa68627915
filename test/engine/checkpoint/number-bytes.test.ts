import { describe, expect, it } from 'vitest';
import { createWeightCost } from '../../../src/core/budget/weight-bytes.js';
import { measureCost } from '../../../src/core/budget/cost-model.js';
import type { KeptUnits } from '../../../src/core/model/units.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { pruneModel } from '../../../src/engine/surgery/prune-model.js';
import { countUp, TINY_CONFIG, tinyTensors, writeTiny, type TinyTensor } from './tiny-checkpoint.js';

const BLOCK = 'model.layers.0.';

/** The same sizes in 16 bits; the values do not matter. */
function halve({ shape }: TinyTensor): TinyTensor {
  return { dtype: 'BF16', shape, bytes: new Uint8Array(2 * shape.reduce((product, size) => product * size, 1)) };
}

function halved(...names: readonly string[]): Record<string, TinyTensor> {
  return Object.fromEntries(
    Object.entries(tinyTensors())
      .filter(([name]) => names.some((part) => name.includes(part)))
      .map(([name, tensor]) => [name, halve(tensor)]),
  );
}

describe('the weight bytes of a checkpoint', () => {
  const kept: readonly KeptUnits[] = [
    [{ kvGroups: [0, 1], queryHeads: [0, 1, 2, 3], ffnChannels: [0, 1, 2] }],
    [{ kvGroups: [1], queryHeads: [3], ffnChannels: [2] }],
    [{ kvGroups: [], queryHeads: [], ffnChannels: [0] }],
    [{ kvGroups: [0], queryHeads: [0, 1], ffnChannels: [] }],
  ];

  it.each([
    ['F32', {}, 4],
    ['BF16', halved('model.'), 2],
    ['F32 norms and BF16 maps', halved('_proj'), 'of each'],
    ['a BF16 embedding', halved('embed_tokens'), 'of each'],
    ['one map of F32 among BF16', { ...halved('model.'), [`${BLOCK}mlp.up_proj.weight`]: countUp([3, 2]) }, 'of each'],
  ] as const)('are those of its pruned tensors: %s', async (_, tensors, width) => {
    const checkpoint = await openCheckpoint(await writeTiny({ tensors }));
    try {
      expect(typeof checkpoint.shape.numberBytes === 'number' ? checkpoint.shape.numberBytes : 'of each').toBe(width);
      for (const keptUnits of kept) {
        const pruned = pruneModel({ checkpoint, keptUnits });
        let bytes = 0;
        for (const tensor of pruned.tensors) bytes += (await tensor.read()).length;
        expect(measureCost(createWeightCost(checkpoint.shape), pruned.architecture)).toBe(bytes);
        expect(measureCost(createWeightCost(pruned.shape), pruned.architecture)).toBe(bytes);
      }
    } finally {
      await checkpoint.close();
    }
  });

  it('count biases that compensation adds, also those that a dropped half-block leaves, with the width of their weights', async () => {
    const checkpoint = await openCheckpoint(
      await writeTiny({ config: TINY_CONFIG, tensors: halved('o_proj', 'down_proj') }),
    );
    try {
      const bias = new Float32Array(2);
      const replace = new Map([
        [`${BLOCK}self_attn.o_proj.bias`, bias],
        [`${BLOCK}mlp.down_proj.bias`, bias],
      ]);
      for (const keptUnits of kept) {
        const pruned = pruneModel({ checkpoint, keptUnits, replace });
        let bytes = 0;
        for (const tensor of pruned.tensors) bytes += (await tensor.read()).length;
        expect(measureCost(createWeightCost(pruned.shape), pruned.architecture)).toBe(bytes);
      }
    } finally {
      await checkpoint.close();
    }
  });
});
