import { expect, it } from 'vitest';
import { createErrorMeter } from '../../../src/engine/compensation/calibration-errors.js';
import type { WorkProgress } from '../../../src/core/ports/work-context.js';
import { STORIES_SHAPE } from '../../support/shapes.js';

it('counts layers and parts of them, a half-block by the cube of its rows, and never falls', () => {
  const told: WorkProgress[] = [];
  const shape = { ...STORIES_SHAPE, layers: STORIES_SHAPE.layers.slice(0, 2) };
  const meter = createErrorMeter(shape, {
    signal: new AbortController().signal,
    report: (progress) => told.push(progress),
  });
  for (const layer of [0, 1]) {
    for (const half of ['attention', 'ffn'] as const) {
      meter.fitting(0.5);
      meter.measured(layer, half);
    }
  }
  // 8 query heads of 8 beside 172 channels.
  const attention = 64 ** 3 / (64 ** 3 + 172 ** 3);
  const layer = [attention / 2, attention, (attention + 1) / 2, 1];
  expect(told.map(({ done }) => done)).toEqual(
    [...layer, ...layer.map((share) => 1 + share)].map((n) => expect.closeTo(n, 9)),
  );
  expect(told.at(-1)).toEqual({ activity: 'measuring errors', what: 'layers', done: 2, total: 2 });
});
