import type { CandidateSampler, SearchProblem } from '../../core/ports/strategy.js';
import { createRng, type Rng } from '../../core/random.js';
import { createSearchSpace } from '../../core/space/create-search-space.js';
import { createPointCheck, type Counts, type SearchSpace } from '../../core/space/search-space.js';

/** A made-up model of 4 layers, the first of which keeps everything. */
const SHAPE = {
  family: 'made-up',
  hidden: 16,
  headDim: 4,
  vocabulary: 32,
  tiedEmbeddings: true,
  biases: { queryKeyValue: false, attentionOutput: false, ffn: false },
  queryKeyNorms: false,
  layers: Array.from({ length: 4 }, () => ({ kvHeads: 4, queryHeadsPerKv: 1, ffnChannels: 12 })),
} as const;

/** Three layers of 3 counts of groups and 7 of channels each: 9261 points. */
export const SPACE: SearchSpace = createSearchSpace(SHAPE, { protectedLayers: [0], maxRate: 0.5 });

/** A problem in this space. */
export function makeUpProblem({
  candidates,
  most = 0.8,
  evaluated = 0,
  seed = 1,
}: {
  readonly candidates: number;
  /** The budget: the share of the whole cost that a point may have; at least nine tenths of it are used. */
  readonly most?: number;
  /** How many points are known. */
  readonly evaluated?: number;
  readonly seed?: number;
}): SearchProblem & { readonly feasible: readonly Counts[] } {
  const limit = most * costOf(SPACE.dimensions.map(({ size }) => size));
  const isPoint = createPointCheck(SPACE);
  const isFeasible = (counts: Counts): boolean =>
    isPoint(counts) && costOf(counts) <= limit && costOf(counts) >= 0.9 * limit;
  const feasible = listPoints(SPACE).filter(isFeasible);
  const sample = (rng: Rng): Counts | undefined => feasible[rng.integer(feasible.length)];
  const sampler: CandidateSampler = {
    sample,
    isFeasible,
    repair: (counts, rng) => (isFeasible(counts) ? counts : findNearest(feasible, counts, rng)),
  };
  const known = createRng(31).shuffle(feasible).slice(0, evaluated);
  return {
    space: SPACE,
    candidates,
    sampler,
    evaluated: known.map((counts) => ({ counts, values: [valueOf(counts)] })),
    rng: createRng(seed),
    feasible,
  };
}

/** A smooth law, lower for better; no two points of the space share a value. */
export function valueOf(counts: Counts): number {
  return SPACE.dimensions.reduce((sum, { size }, index) => {
    const rate = 1 - (counts[index] ?? size) / size;
    return sum + Math.sqrt(2 + index) * rate + rate * rate;
  }, 3);
}

/** Another objective, which favours other points. */
export function otherValueOf(counts: Counts): number {
  return SPACE.dimensions.reduce(
    (sum, { size }, index) => sum + Math.sqrt(20 - 3 * index) * (1 - (counts[index] ?? size) / size) ** 2,
    1,
  );
}

/** A group costs as much as three channels. */
function costOf(counts: Counts): number {
  return SPACE.dimensions.reduce(
    (sum, { kind, size }, index) => sum + (kind === 'kv_heads' ? 3 : 1) * (counts[index] ?? size),
    0,
  );
}

function listPoints({ dimensions }: SearchSpace): Counts[] {
  return dimensions.reduce<Counts[]>(
    (points, { counts }) => points.flatMap((point) => counts.map((count) => [...point, count])),
    [[]],
  );
}

/** The nearest of the points, from a random one on, so that ties fall anywhere. */
function findNearest(points: readonly Counts[], counts: Counts, rng: Rng): Counts | undefined {
  let nearest: Counts | undefined;
  let least = Number.POSITIVE_INFINITY;
  const first = rng.integer(points.length);
  for (let step = 0; step < points.length; step++) {
    const point = points[(first + step) % points.length] as Counts;
    const distance = point.reduce((sum, count, index) => sum + Math.abs(count - (counts[index] ?? count)), 0);
    if (distance < least) [nearest, least] = [point, distance];
  }
  return nearest;
}
