import type { Budget } from '../../core/budget/budget.js';
import type { ModelShape } from '../../core/model/shape.js';
import { createSearchSpace, type SearchSpaceOptions } from '../../core/space/create-search-space.js';
import { findUniformPaper } from '../controls/uniform.js';

/**
 * The highest rate that dimensions may take where the caller gives none: 0.5, or twice the uniform rate that the budgets
 * need if that is more, 0.9 at most.
 *
 * @throws PrunecastError SPACE_INVALID
 */
export function chooseMaxRate(
  shape: ModelShape,
  budgets: readonly Budget[],
  options: SearchSpaceOptions = {},
  field = 'space',
): number {
  const { kinds, protectedLayers, tieRun, target } = options;
  const whole = createSearchSpace(
    shape,
    {
      maxRate: 1,
      ...(kinds === undefined ? {} : { kinds }),
      ...(protectedLayers === undefined ? {} : { protectedLayers }),
      ...(tieRun === undefined ? {} : { tieRun }),
      ...(target === undefined ? {} : { target }),
    },
    field,
  );
  return Math.max(0.5, Math.min(0.9, 2 * (findUniformPaper(whole, budgets)?.rate ?? 1)));
}
