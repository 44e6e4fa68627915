import { describe, expect, it } from 'vitest';
import size from '../../../src/plugins/evaluators/size.js';
import { STORIES_SHAPE } from '../../support/shapes.js';
import { unattended } from '../../support/demo-model.js';

const options = { kv_bytes_per_value: 2, context_tokens: 0 };

const measure = async (layers: typeof STORIES_SHAPE.layers, changed: Partial<typeof options> = {}) => {
  const own = { ...options, ...changed };
  const plan = size.plan({ shape: STORIES_SHAPE, maxPositions: 512, machine: '' }, own);
  const observed = { shape: STORIES_SHAPE, architecture: layers, losses: new Float64Array(), hits: new Int32Array() };
  return size.reduce(observed, plan, own, unattended);
};

describe('size', () => {
  it('counts what the demo model weighs', async () => {
    const metrics = {
      parameters: 260_032,
      weight_bytes: 2 * 260_032,
      kv_bytes_per_token: 5 * 2 * 4 * 8 * 2,
      // Per layer query and output 64 x 64, key and value 64 x 32, three matrices of the FFN; and the head.
      flops_per_token: 2 * (5 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 172) + 64 * 512),
    };
    expect(await measure(STORIES_SHAPE.layers)).toEqual({
      metrics,
      items: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, Float64Array.of(value)])),
    });
    const wider = await measure(STORIES_SHAPE.layers, { kv_bytes_per_value: 4, context_tokens: 100 });
    expect(wider.metrics).toMatchObject({
      kv_bytes_per_token: 2 * metrics.kv_bytes_per_token,
      flops_per_token: metrics.flops_per_token + 5 * 2 * 64 * 100,
    });
  });

  it('counts a model without attention', async () => {
    const bare = STORIES_SHAPE.layers.map((layer) => ({ ...layer, kvHeads: 0, queryHeadsPerKv: 0 }));
    expect((await measure(bare)).metrics).toMatchObject({
      kv_bytes_per_token: 0,
      flops_per_token: 2 * (5 * 3 * 64 * 172 + 64 * 512),
    });
  });
});
