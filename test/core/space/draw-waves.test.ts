import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/core/random.js';
import { createSearchSpace } from '../../../src/core/space/create-search-space.js';
import { drawWaves } from '../../../src/core/space/draw-waves.js';
import type { SearchSpace } from '../../../src/core/space/search-space.js';
import { createShape, SMOLLM2_SHAPE } from '../../support/shapes.js';

const space = createSearchSpace(SMOLLM2_SHAPE);
const kinds = ['kv_heads', 'ffn_channels'] as const;

function draw(count: number, of: SearchSpace = space): number[][] {
  const rng = createRng(1);
  return Array.from({ length: count }, () => drawWaves(of, rng));
}

function ofKind(changes: readonly number[], kind: (typeof kinds)[number]): number[] {
  return changes.filter((_, index) => space.dimensions[index]?.kind === kind);
}

const moves = (changes: readonly number[]): boolean => changes.some((change) => change !== 0);

/** The highest order with a part in it, by projection on each cosine: they are orthogonal. */
function countCosines(changes: readonly number[]): number {
  const part = (order: number): number =>
    changes.reduce(
      (sum, change, place) => sum + change * Math.cos((Math.PI * order * (place + 0.5)) / changes.length),
      0,
    );
  return changes.reduce((highest, _, order) => (Math.abs(part(order)) > 1e-9 ? order : highest), 0);
}

describe('drawWaves', () => {
  it('changes every set of kinds, none of them in total: cosines over depth sum up to nothing', () => {
    const drawn = draw(300);
    expect(new Set(drawn.map((changes) => kinds.filter((kind) => moves(ofKind(changes, kind))).join()))).toEqual(
      new Set(['kv_heads', 'ffn_channels', 'kv_heads,ffn_channels']),
    );
    for (const kind of kinds)
      for (const changes of drawn)
        expect(ofKind(changes, kind).reduce((sum, change) => sum + change, 0)).toBeCloseTo(0, 9);
  });

  it('has mean square 1 in what it changes', () => {
    const changes = draw(3000)
      .flatMap((drawn) => kinds.map((kind) => ofKind(drawn, kind)).filter(moves))
      .flat();
    expect(changes.reduce((sum, change) => sum + change ** 2, 0) / changes.length).toBeCloseTo(1, 1);
  });

  it('has one to six cosines, each number k as often as ln((k + 1) / k) / ln 7 says', () => {
    const waves = draw(3000)
      .map((drawn) => ofKind(drawn, 'ffn_channels'))
      .filter((changes) => moves(changes));
    const orders = waves.map((changes) => countCosines(changes));
    expect(waves.length).toBeGreaterThan(1500);
    for (let count = 1; count <= 6; count++) {
      expect(orders.filter((order) => order === count).length / orders.length).toBeCloseTo(
        Math.log((count + 1) / count) / Math.log(7),
        1,
      );
    }
    expect(Math.max(...orders)).toBe(6);
  });

  it('changes a kind that has one dimension', () => {
    const single = createSearchSpace(
      createShape({
        layers: 1,
        hidden: 8,
        headDim: 4,
        kvHeads: 3,
        queryHeadsPerKv: 2,
        ffnChannels: 12,
        vocabulary: 16,
      }),
    );
    expect(draw(20, single).every(moves)).toBe(true);
  });
});
