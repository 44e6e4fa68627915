import type { CostModel } from '../../core/budget/cost-model.js';
import type { SearchSpace } from '../../core/space/search-space.js';
import { costEnds, separateCost } from './components.js';

/** The least and the most that a point of a space costs: what a budget can ask of it. */
export function costRange(space: SearchSpace, cost: CostModel): { readonly least: number; readonly most: number } {
  const { cheapest, dearest } = costEnds(separateCost(space, cost));
  return { least: cheapest, most: dearest };
}
