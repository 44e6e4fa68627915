import { equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { listChecks } from 'prunecast/plugin/testing';
import plugin from './index.js';

describe('my-plugin', () => {
  for (const { name, run } of listChecks(plugin)) it(name, run);

  it('refuses layers that differ', () => {
    const layer = { kvHeads: 2, queryHeadsPerKv: 2, ffnChannels: 8 };
    const shape = {
      family: 'llama',
      hidden: 8,
      headDim: 2,
      vocabulary: 10,
      tiedEmbeddings: true,
      biases: { queryKeyValue: false, attentionOutput: false, ffn: false },
      queryKeyNorms: false,
      layers: [layer, layer],
    };
    equal(plugin.supports(shape, [layer, layer], 'none', { note: '' }).ok, true);
    equal(plugin.supports(shape, [layer, { ...layer, ffnChannels: 7 }], 'none', { note: '' }).ok, false);
  });
});
