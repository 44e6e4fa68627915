import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/core/random.js';
import { hypervolume } from '../../../src/core/statistics/hypervolume.js';
import { findKnee } from '../../../src/core/statistics/knee-point.js';
import { dominates, sortIntoFronts } from '../../../src/core/statistics/pareto-fronts.js';
import { crowdingDistances } from '../../../src/core/statistics/select-spread.js';

/** Points on a coarse lattice, so that ties and repetitions are common. */
const points = (objectives: number) =>
  fc.array(fc.array(fc.integer({ min: 0, max: 6 }), { minLength: objectives, maxLength: objectives }), {
    maxLength: 25,
  });

describe('sortIntoFronts', () => {
  it('peels the points that nothing left dominates, again and again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }).chain(points), (all) => {
        let left = all.map((_, index) => index);
        const peeled: number[][] = [];
        while (left.length > 0) {
          const front = left.filter((index) => !left.some((other) => dominates(all[other] ?? [], all[index] ?? [])));
          peeled.push(front);
          left = left.filter((index) => !front.includes(index));
        }
        expect(sortIntoFronts(all)).toEqual(peeled);
      }),
    );
  });

  it('keeps equal points in one front', () => {
    expect(
      sortIntoFronts([
        [1, 2],
        [1, 2],
        [2, 1],
        [2, 2],
      ]),
    ).toEqual([[0, 1, 2], [3]]);
  });
});

describe('crowdingDistances', () => {
  it('adds the distances of the two neighbours, each objective over its range', () => {
    // Objective 1 over 10: (4 - 0) / 10 and (10 - 1) / 10; objective 2 over 8: (8 - 2) / 8 and (4 - 0) / 8.
    const distances = crowdingDistances([
      [0, 8],
      [1, 4],
      [4, 2],
      [10, 0],
    ]);
    expect(distances[1]).toBeCloseTo(0.4 + 0.75, 12);
    expect(distances[2]).toBeCloseTo(0.9 + 0.5, 12);
    expect([distances[0], distances[3]]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
  });
});

describe('hypervolume', () => {
  it('is the area of the union of rectangles', () => {
    // (1, 3) to (4, 4): 3; (2, 1) to (4, 4): 6, of which (2, 3) to (4, 4) = 2 is common; (3, 2) is dominated; (5, 0)
    // lies outside.
    expect(
      hypervolume(
        [
          [1, 3],
          [2, 1],
          [3, 2],
          [5, 0],
        ],
        [4, 4],
      ),
    ).toBe(7);
    expect(hypervolume([], [4, 4])).toBe(0);
    expect(hypervolume([[2]], [5])).toBe(3);
  });

  it('counts the unit cells that are dominated, in two to four dimensions', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 4 }).chain((objectives) => points(objectives).map((all) => ({ objectives, all }))),
        ({ objectives, all }) => {
          const side = 5;
          const cells = Array.from({ length: side ** objectives }, (_, cell) =>
            Array.from({ length: objectives }, (_unused, axis) => Math.floor(cell / side ** axis) % side),
          );
          const covered = cells.filter((cell) =>
            all.some((point) => point.every((value, axis) => value <= (cell[axis] ?? 0))),
          ).length;
          expect(
            hypervolume(
              all,
              Array.from({ length: objectives }, () => side),
            ),
          ).toBe(covered);
        },
      ),
    );
  });
});

describe('findKnee', () => {
  it('finds the corner of a bent front, whatever the units', () => {
    const front = [
      [0, 100],
      [1, 40],
      [2, 12],
      [5, 8],
      [10, 0],
    ]; // scaled sums: 1, 0.5, 0.32, 0.58, 1
    expect(findKnee(front)).toBe(2);
    expect(findKnee(front.map(([a = 0, b = 0]) => [1e6 * a + 3, b / 7]))).toBe(2);
  });

  it('finds the point farthest from the line through the ends', () => {
    const rng = createRng(5);
    const front = Array.from({ length: 40 }, () => rng.uniform())
      .sort((a, b) => a - b)
      .map((x) => [x, (1 - x) ** 3]);
    const [[x0 = 0, y0 = 0] = [], [x1 = 0, y1 = 0] = []] = [front[0], front.at(-1)];
    // Below a line whose ends are scaled to (0, 1) and (1, 0).
    const distances = front.map(([x = 0, y = 0]) => 1 - (x - x0) / (x1 - x0) - (y - y1) / (y0 - y1));
    expect(findKnee(front)).toBe(distances.indexOf(Math.max(...distances)));
  });

  it('takes an end of a straight or hollow front, and is undefined without points', () => {
    expect(
      findKnee([
        [0, 1],
        [0.6, 0.6],
        [1, 0],
      ]),
    ).toBe(0);
    expect(findKnee([[3, 4]])).toBe(0);
    expect(findKnee([])).toBeUndefined();
  });
});
