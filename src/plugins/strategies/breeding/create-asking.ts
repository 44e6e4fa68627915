import type { SearchProblem } from '../../../core/ports/strategy.js';
import { countsKey, type Counts } from '../../../core/space/search-space.js';

/** The points that one run asks about, batch by batch, without repetition and no more than the problem allows. */
export interface Asking {
  /**
   * The next batch: `first` if it is the very first one, then points from `draw` until there are `size`. A point that
   * was asked about before, or undefined, is a miss; after 20 misses per point the batch ends with fewer than `size`.
   *
   * @param draw is told whether so many draws missed that the neighbourhood of its parents is exhausted
   */
  next(batch: {
    readonly size: number;
    readonly first: () => readonly Counts[];
    readonly draw: (exhausted: boolean) => Counts | undefined;
  }): readonly Counts[];
}

export function createAsking({ candidates }: Pick<SearchProblem, 'candidates'>): Asking {
  const asked = new Set<string>();
  return {
    next: ({ size, first, draw }) => {
      const points: Counts[] = [];
      const add = (counts: Counts | undefined): boolean => {
        if (counts === undefined || asked.size >= candidates || asked.has(countsKey(counts))) return false;
        asked.add(countsKey(counts));
        points.push(counts);
        return true;
      };
      if (asked.size === 0) first().forEach(add);
      for (let misses = 0; points.length < size && asked.size < candidates && misses < 20 * size; ) {
        if (!add(draw(misses > 10 * size))) misses += 1;
      }
      return points;
    },
  };
}
