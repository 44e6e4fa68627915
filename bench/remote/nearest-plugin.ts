import { z } from 'zod';
import type { FittedPredictor } from '../../src/core/ports/predictor.js';
import { definePredictor } from '../../src/plugins/define.js';
import { predictNearest, readNearest, writeNearest, type NearestPairs } from './nearest.js';

/** The predictor of the bench as a module of the server. */
export default definePredictor({
  id: 'nearest',
  summary: 'The mean of the nearest pairs.',
  runsIn: 'worker',
  pairs: { least: 2, most: 10_000 },
  options: z.strictObject({ neighbours: z.int().min(1).default(5).describe('How many pairs are looked at.') }),
  fit: ({ dimensions, rates, targets }, { neighbours }) =>
    Promise.resolve(open({ neighbours, columns: dimensions.length, rates, targets })),
  load: (bytes) => Promise.resolve(open(readNearest(bytes))),
});

function open(pairs: NearestPairs): FittedPredictor {
  return {
    predict: (batch) => Promise.resolve({ mean: predictNearest(pairs, batch) }),
    save: () => new Uint8Array(writeNearest(pairs)),
  };
}
