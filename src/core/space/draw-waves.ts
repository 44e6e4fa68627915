import type { Rng } from '../random.js';
import type { Dimension, DimensionKind, SearchSpace } from './search-space.js';

/**
 * A random change of a point, as a share of each dimension's size: over the depth of the model a sum of cosines of half
 * a period and more, with mean square 1. How many cosines is drawn each time, from one (a slope: the first layers give
 * what the last ones gain) to `MOST_WAVES`, few as often as many. One or several kinds of dimensions change.
 *
 * What a layer can give up depends smoothly on its depth: a hundred measured points determine a few waves, but not
 * fifty dimensions, and a change of single layers mostly follows the predictor's errors (docs/search-experiments.md has
 * the figures).
 */
export function drawWaves({ dimensions }: SearchSpace, rng: Rng): number[] {
  const changes = dimensions.map(() => 0);
  for (const kind of chooseKinds(dimensions, rng)) {
    const places = dimensions.flatMap((dimension, index) => (dimension.kind === kind ? [index] : []));
    const wave = drawWave(places.length, rng);
    places.forEach((index, place) => (changes[index] = wave[place] ?? 0));
  }
  return changes;
}

/** A random set of the kinds, at least one. */
function chooseKinds(dimensions: readonly Dimension[], rng: Rng): DimensionKind[] {
  const kinds = [...new Set(dimensions.map(({ kind }) => kind))];
  const chosen = 1 + rng.integer(2 ** kinds.length - 1);
  return kinds.filter((_, place) => ((chosen >> place) & 1) === 1);
}

/** Three periods over the depth. */
const MOST_WAVES = 6;

function drawWave(length: number, rng: Rng): number[] {
  if (length === 1) return [drawNormal(rng)];
  const amplitudes = Array.from(
    { length: Math.floor(Math.min(length, MOST_WAVES + 1) ** rng.uniform()) },
    () => drawNormal(rng) * Math.SQRT2,
  );
  return Array.from(
    { length },
    (_, place) =>
      amplitudes.reduce(
        (sum, amplitude, order) => sum + amplitude * Math.cos((Math.PI * (order + 1) * (place + 0.5)) / length),
        0,
      ) / Math.sqrt(amplitudes.length),
  );
}

/** About normal, with mean 0 and deviation 1: the sum of twelve uniform numbers. */
function drawNormal(rng: Rng): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += rng.uniform();
  return sum;
}
