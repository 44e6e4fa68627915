import { describe, expect, it } from 'vitest';
import latency from '../../../src/plugins/evaluators/latency.js';
import { STORIES_SHAPE } from '../../support/shapes.js';
import { unattended } from '../../support/demo-model.js';

const model = { shape: STORIES_SHAPE, maxPositions: 512, machine: 'a processor, 2 threads' };
const options = { tokens: 100, repeats: 4, warm_up: 2 };

describe('latency', () => {
  it('asks for timed runs, and names the machine in its measurement', () => {
    const plan = latency.plan(model, options);
    expect(plan).toMatchObject({
      sequences: [],
      observe: { timing: { tokens: 100, repeats: 4, warmUp: 2 } },
      measurement: {
        machine: 'a processor, 2 threads',
        textDigest: '',
        scorer: expect.stringContaining('latency') as string,
      },
      fidelity: { tokens: 606, items: [0, 1, 2, 3] },
    });
  });

  it('refuses a prompt after which the model has no position left', () => {
    expect(latency.plan(model, { ...options, tokens: 511 }).sequences).toEqual([]);
    expect(() => latency.plan(model, { ...options, tokens: 512 })).toThrow(
      expect.objectContaining({
        reason: 'INVALID_REQUEST',
        violations: [expect.objectContaining({ field: 'options.tokens' })],
      }),
    );
  });

  it('takes the medians, and the distance of the quartiles as spread', async () => {
    const observed = {
      shape: STORIES_SHAPE,
      architecture: STORIES_SHAPE.layers,
      losses: new Float64Array(),
      hits: new Int32Array(),
      timing: { prefillMs: Float64Array.of(9, 1, 5, 7), decodeMs: Float64Array.of(3, 3, 3, 30) },
    };
    // By numpy: percentiles 25, 50 and 75 of [1, 5, 7, 9] are 4, 6 and 7.5; of [3, 3, 3, 30] 3, 3 and 9.75.
    expect(await latency.reduce(observed, latency.plan(model, options), options, unattended)).toEqual({
      metrics: { prefill_ms: 6, prefill_ms_spread: 3.5, decode_ms: 3, decode_ms_spread: 6.75 },
      items: { prefill_ms: observed.timing.prefillMs, decode_ms: observed.timing.decodeMs },
    });
  });
});
