import { describe, expect, it } from 'vitest';
import {
  countCalibration,
  countCompensation,
  countEliminations,
  countFactorisations,
  countLosses,
  countObservation,
  countStreamFits,
  measureObservation,
} from '../../../src/engine/runtime/count-work.js';
import type { ObservationRequest } from '../../../src/core/ports/evaluator.js';
import { scoreFrom } from '../../../src/core/sequence.js';
import { STORIES_SHAPE } from '../../support/shapes.js';

/*
 * By hand, for the demo model: 5 layers, hidden 64, 8 query heads and 4 key-value heads of 8, 172 channels, a
 * vocabulary of 512. A multiplication and an addition are two operations.
 */
const TEXT = { tokens: 1000, window: 128 };
const ATTENTION = 2 * (2 * 64 * 64 + 2 * 64 * 32) + 2 * 64 * 128;
const FFN = 2 * 3 * 64 * 172;
const LAYERS = 5 * (ATTENTION + FFN);
const HEAD = 2 * 64 * 512;
/** Sums of squares of the inputs of o, 64 wide, and of down, 172 wide. */
const GRAMS = 5 * 2 * (64 ** 2 + 172 ** 2);
const HALF = STORIES_SHAPE.layers.map((layer) => ({ ...layer, kvHeads: 2, ffnChannels: 86 }));
const HALF_LAYERS = 5 * (ATTENTION / 2 + FFN / 2);

const count = (request: ObservationRequest): number =>
  countObservation(STORIES_SHAPE, HALF, measureObservation(request)).products;

const products = (needs: Parameters<typeof countCalibration>[2]) =>
  countCalibration(STORIES_SHAPE, TEXT, needs).products;

describe('the work of a model', () => {
  it('is a pass through all layers and the head for losses', () => {
    expect(countLosses(STORIES_SHAPE, STORIES_SHAPE.layers, TEXT)).toEqual({
      products: 1000 * (LAYERS + HEAD),
      factors: 0,
    });
    expect(countLosses(STORIES_SHAPE, HALF, TEXT).products).toBe(1000 * (HALF_LAYERS + HEAD));
  });

  it('is for a comparison a pass of the dense model too, and both heads once more', () => {
    const sequences = Array.from({ length: 10 }, (_, first) => scoreFrom(new Int32Array(100).fill(first)));
    const attention = ATTENTION - 2 * 64 * 28; // windows of 100
    const dense = 5 * (attention + FFN);
    expect(count({ sequences, divergences: true })).toBe(
      1000 * (5 * (attention / 2 + FFN / 2) + HEAD) + 1000 * (dense + 2 * HEAD),
    );
    expect(count({ sequences })).toBe(1000 * (5 * (attention / 2 + FFN / 2) + HEAD));
  });

  it('is for each further token of a continuation a pass over its sequence', () => {
    const sequences = [scoreFrom(new Int32Array(128)), { tokens: new Int32Array(128), spans: [] }];
    expect(count({ sequences, continuation: 5 })).toBe(
      256 * (HALF_LAYERS + HEAD) + (4 * 128 + 1 + 2 + 3 + 4) * HALF_LAYERS,
    );
  });

  it('is for times that of all runs, of prompts and of single tokens', () => {
    const timing = { tokens: 128, repeats: 4, warmUp: 2 };
    // A token after the prompt sees all of it, one of the prompt half.
    const decode = HALF_LAYERS + (5 * (2 * 64 * 128)) / 2;
    expect(count({ sequences: [], timing })).toBe(6 * (128 * HALF_LAYERS + decode + 2 * HEAD));
  });

  it('is a pass without the head for statistics, with Gram matrices where they are needed', () => {
    expect(products(['weights'])).toBe(0);
    expect(products(['weights', 'activations'])).toBe(1000 * LAYERS);
    expect(products(['activations', 'gram'])).toBe(1000 * (LAYERS + GRAMS));
    expect(products(['weights', 'gradients'])).toBe(3 * 1000 * (LAYERS + HEAD));
  });

  it('is a factor and its inverse for each half of a layer, a third of the cube each', () => {
    expect(countFactorisations(STORIES_SHAPE).factors).toBeCloseTo(5 * (2 / 3) * (64 ** 3 + 172 ** 3), 3);
    expect(countCompensation(STORIES_SHAPE, HALF).products).toBe(5 * 2 * 64 * (32 ** 2 + 86 ** 2));
  });

  it('is eleven thirds of a cube for an elimination, twice where there are heads, and the products of all weights', () => {
    const cubes = (11 / 3) * (2 * 64 ** 3 + 172 ** 3);
    expect(countEliminations(STORIES_SHAPE).factors).toBeCloseTo(5 * (cubes + 2 * 64 * (2 * 64 ** 2 + 172 ** 2)), 3);
  });

  it('is three passes for a fit on the stream, of which the dense one is shared', () => {
    const own = 2 * 1000 * HALF_LAYERS + 1000 * 5 * (2 * (32 ** 2 + 86 ** 2) + 2 * 64 * (32 + 86));
    expect(countStreamFits(STORIES_SHAPE, [HALF], TEXT).products).toBe(1000 * LAYERS + own);
    expect(countStreamFits(STORIES_SHAPE, [HALF, HALF], TEXT).products).toBe(1000 * LAYERS + 2 * own);
    expect(countStreamFits(STORIES_SHAPE, [], TEXT)).toEqual({ products: 0, factors: 0 });
  });
});
