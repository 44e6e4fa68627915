import { describe, expect, it } from 'vitest';
import type { Compensation } from '../../../src/core/ports/compensation.js';
import leastSquares from '../../../src/plugins/compensations/least-squares.js';
import mean from '../../../src/plugins/compensations/mean.js';
import { listCompensationChecks } from '../../../src/plugins/testing/compensation-conformance.js';
import { failuresOf } from './failures-of.js';

describe('listCompensationChecks', () => {
  it.each<[string, Partial<Compensation>, RegExp]>([
    ['adds a bias without saying so', { addsBias: false }, /a compensation that adds a bias has to say so: addsBias/],
    [
      'forgets a row',
      { prepare: ({ weights }) => ({ compensate: () => ({ weights: weights.slice(8) }) }) },
      /0 rows have 0 weights/,
    ],
    [
      'makes outputs worse',
      {
        prepare: ({ weights }) => ({
          compensate: (width) => ({ weights: weights.slice(0, 8 * width).map((w) => -w) }),
        }),
      },
      /with 1 of 12 rows the squared error is .*, and without compensation/,
    ],
    [
      'changes a whole half-block',
      {
        prepare: ({ weights }) => ({
          compensate: (width) => ({ weights: weights.slice(0, 8 * width).map((w) => 1.01 * w) }),
        }),
      },
      /though nothing was removed/,
    ],
    [
      'remembers which width it was asked for before',
      {
        prepare: ({ weights }) => {
          let before = 0;
          return {
            compensate: (width) => {
              const kept = weights.slice(0, 8 * width).map((w) => w * (1 + 1e-7 * before));
              before = width;
              return { weights: kept };
            },
          };
        },
      },
      /gives the same for the same half-block/,
    ],
    [
      'divides by the inputs',
      {
        needs: ['mean'],
        prepare: ({ weights, mean: means }) => ({
          compensate: (width) => ({
            weights: weights.slice(0, 8 * width).map((w) => (w * (means?.[0] ?? 0)) / (means?.[0] ?? 0)),
          }),
        }),
      },
      /has NaN at place 0/,
    ],
    [
      'changes the weights that it is shown',
      {
        prepare: ({ weights }) => ({
          compensate: (width) => ({ weights: weights.fill(0, 0, 1).subarray(0, 8 * width) }),
        }),
      },
      /leaves the half-block's own weights/,
    ],
  ])('finds out one that %s', async (_, fault, message) => {
    expect((await failuresOf(listCompensationChecks({ ...mean, ...fault } as Compensation))).join('\n')).toMatch(
      message,
    );
  });

  it('finds out a fit on the stream whose options do not ask for it', async () => {
    const stream = { ...leastSquares.stream, ask: (options: unknown) => options } as Compensation['stream'];
    const failures = await failuresOf(listCompensationChecks({ ...leastSquares, stream } as Compensation));
    expect(failures).toEqual([expect.stringMatching(/options that ask\(\) has changed must ask for it: fit/)]);
  });
});
