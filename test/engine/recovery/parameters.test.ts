import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRng } from '../../../src/core/random.js';
import { createLowRankProducts } from '../../../src/engine/graph/low-rank-products.js';
import { createSessionPool, type SessionPool } from '../../../src/engine/graph/session-pool.js';
import { trainFactors, type Parameters } from '../../../src/engine/recovery/parameters.js';
import { listMatrices, type TrainedHalf } from '../../../src/engine/recovery/trained-halves.js';

const [CHANNELS, HIDDEN, RANK] = [5, 7, 2];
const uniform = createRng(1).uniform;
const random = (length: number): Float32Array => Float32Array.from({ length }, () => uniform() - 0.5);

const copy = ({ half }: TrainedHalf): Float32Array[] => listMatrices(half).map(([, values]) => values.slice());

describe('trainFactors', () => {
  let sessions: SessionPool;
  beforeAll(() => {
    sessions = createSessionPool({ threads: 1 });
  });
  afterAll(() => sessions.close());

  /** A half-block with its factors, and what is kept of it beside. */
  function begin(): { readonly half: TrainedHalf; readonly parameters: Parameters; readonly base: Float32Array } {
    const matrix = (): Float32Array => random(CHANNELS * HIDDEN);
    const none = { gateBias: undefined, upBias: undefined, downBias: undefined };
    const weights = { norm: random(HIDDEN), gate: matrix(), up: matrix(), down: matrix(), ...none };
    const half: TrainedHalf = { name: '0:ffn', half: { kind: 'ffn', channels: CHANNELS, weights } };
    const parameters = trainFactors([half], { rank: RANK, seed: 0 }, createLowRankProducts(sessions));
    const base = new Float32Array(parameters.countBase(0));
    parameters.copyBase(0, base);
    return { half, parameters, base };
  }

  it('changes nothing before its first update', async () => {
    const { half, parameters, base } = begin();
    const before = copy(half);
    await parameters.merge(0, base);
    expect(copy(half)).toEqual(before);
  });

  it('gives gradients that agree with finite differences of the merged matrices', async () => {
    const { half, parameters, base } = begin();
    for (const { values } of parameters.list(0)) values.set(random(values.length));
    // A loss that is linear in the matrices has these as its gradients.
    const slopes = Object.fromEntries(listMatrices(half.half).map(([part, { length }]) => [part, random(length)]));
    const measure = async (): Promise<number> => {
      await parameters.merge(0, base);
      return listMatrices(half.half).reduce(
        (sum, [part, values]) => sum + values.reduce((own, value, at) => own + value * (slopes[part]?.[at] ?? NaN), 0),
        0,
      );
    };
    const gradients = await parameters.gradients(0, slopes);
    expect(gradients.map(({ length }) => length)).toEqual([14, 10, 14, 10, 14, 10]);
    for (const [index, { values }] of parameters.list(0).entries())
      for (const at of values.keys()) {
        const value = values[at] as number;
        values[at] = value + 0.5;
        const above = await measure();
        values[at] = value - 0.5;
        const below = await measure();
        values[at] = value;
        expect(above - below).toBeCloseTo(gradients[index]?.[at] ?? NaN, 4);
      }
  });
});
