import { measureCounts, type CostModel } from '../../core/budget/cost-model.js';
import type { SearchSpace } from '../../core/space/search-space.js';

/** The least and the most that a point of a space costs: what a budget can ask of it. Costs never fall with a count, so that its ends have them. */
export function costRange(space: SearchSpace, cost: CostModel): { readonly least: number; readonly most: number } {
  const at = (end: 0 | -1): number =>
    measureCounts(
      cost,
      space,
      space.dimensions.map(({ counts, size }) => counts.at(end) ?? size),
    );
  return { least: at(0), most: at(-1) };
}
