import { UNSPENT_SHARE, type CostBand } from '../../core/budget/budget.js';
import type { Rng } from '../../core/random.js';
import type { Counts, SearchSpace } from '../../core/space/search-space.js';
import type { Component, SeparatedCost } from './components.js';

export interface Repair {
  readonly space: SearchSpace;
  readonly separated: SeparatedCost;
  readonly band: CostBand;
  /** Where a point is brought to: any cost of the band, or one near that end of the band beyond which it lies. */
  readonly reach: 'anywhere' | 'edge';
  readonly counts: Counts;
  readonly rng: Rng;
  /** Whether a point meets every band, this one included. */
  readonly accept: (counts: Counts) => boolean;
}

/**
 * A point near `counts` inside the band: counts that the space lacks become the nearest that it has, then what is too
 * much or too little is shared out over components in random order. Undefined if `PASSES` rounds of that do not reach
 * the band.
 */
export function repairCounts({ space, separated, band, reach, counts, rng, accept }: Repair): Counts | undefined {
  const { components, fixed } = separated;
  const chosen = components.map((component) => nearestOption(component, counts));
  const point = (): Counts => assemble(space.dimensions.length, components, chosen);
  const spentAt = (): number =>
    components.reduce((sum, { costs }, index) => sum + (costs[chosen[index] ?? 0] ?? 0), fixed);
  const target = chooseTarget(band, reach, spentAt(), rng);
  for (let pass = 0; pass < PASSES; pass++) {
    const spent = spentAt();
    if (spent >= band.least && spent <= band.most) return accept(point()) ? point() : undefined;
    let missing = target - spent;
    rng.shuffle(components.map((_, index) => index)).forEach((index, place) => {
      const component = components[index];
      if (component === undefined) return;
      const now = component.costs[chosen[index] ?? 0] ?? 0;
      // Early passes spread the change; in later ones any component may take all of it.
      const share = pass < SPREAD_PASSES ? (2 * rng.uniform() * missing) / (components.length - place) : missing;
      const next = optionAtCost(component, now + share);
      missing -= (component.costs[next] ?? now) - now;
      chosen[index] = next;
    });
  }
  return undefined;
}

function chooseTarget({ least, most }: CostBand, reach: Repair['reach'], spent: number, rng: Rng): number {
  const width = reach === 'edge' ? Math.min(most - least, UNSPENT_SHARE * most) : most - least;
  return (reach === 'edge' && spent > most ? most - width : least) + rng.uniform() * width;
}

const SPREAD_PASSES = 2;
const PASSES = 12;

function nearestOption({ dimensions, options }: Component, counts: Counts): number {
  let [nearest, least] = [0, Number.POSITIVE_INFINITY];
  options.forEach((option, index) => {
    const distance = option.reduce(
      (sum, count, at) => sum + Math.abs(count - (counts[dimensions[at] ?? -1] ?? count)),
      0,
    );
    if (distance < least) [nearest, least] = [index, distance];
  });
  return nearest;
}

function optionAtCost({ costs }: Component, cost: number): number {
  return costs.reduce(
    (best, value, index) => (Math.abs(value - cost) < Math.abs((costs[best] ?? 0) - cost) ? index : best),
    0,
  );
}

function assemble(dimensions: number, components: readonly Component[], chosen: readonly number[]): Counts {
  const point = Array.from({ length: dimensions }, () => 0);
  components.forEach((component, index) => {
    component.dimensions.forEach((dimension, at) => {
      point[dimension] = component.options[chosen[index] ?? 0]?.[at] ?? 0;
    });
  });
  return point;
}
