import type { EncodingBatch } from '../../src/core/pairs.js';

/** What the mean of the nearest pairs needs. */
export interface NearestPairs {
  readonly neighbours: number;
  readonly columns: number;
  readonly rates: Float32Array;
  readonly targets: Float64Array;
}

/** The mean of the targets of the nearest pairs by the sum of absolute differences, for each row. */
export function predictNearest(pairs: NearestPairs, { rates, columns }: EncodingBatch): Float64Array {
  const means = new Float64Array(rates.length / columns);
  const distances = new Float64Array(pairs.targets.length);
  for (let row = 0; row < means.length; row++) {
    for (let pair = 0; pair < distances.length; pair++) {
      let distance = 0;
      for (let column = 0; column < columns; column++)
        distance += Math.abs(
          (pairs.rates[pair * columns + column] as number) - (rates[row * columns + column] as number),
        );
      distances[pair] = distance;
    }
    const order = Array.from(distances, (_, pair) => pair).sort(
      (a, b) => (distances[a] as number) - (distances[b] as number),
    );
    const near = order.slice(0, pairs.neighbours);
    means[row] = near.reduce((sum, pair) => sum + (pairs.targets[pair] as number), 0) / near.length;
  }
  return means;
}

/** As bytes, for a state. */
export function writeNearest({ neighbours, columns, rates, targets }: NearestPairs): Buffer {
  return Buffer.from(JSON.stringify({ neighbours, columns, rates: [...rates], targets: [...targets] }));
}

export function readNearest(bytes: Uint8Array): NearestPairs {
  const { neighbours, columns, rates, targets } = JSON.parse(Buffer.from(bytes).toString()) as {
    readonly neighbours: number;
    readonly columns: number;
    readonly rates: readonly number[];
    readonly targets: readonly number[];
  };
  return { neighbours, columns, rates: Float32Array.from(rates), targets: Float64Array.from(targets) };
}
