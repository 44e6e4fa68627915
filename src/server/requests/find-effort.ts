import { Effort } from '../../gen/prunecast/v1/pruning.js';
import { EFFORTS, type EffortDefaults } from './defaults.js';

/** What the effort of a request stands for. */
export function findEffort({ effort }: { readonly effort: Effort }): EffortDefaults {
  switch (effort) {
    case Effort.QUICK:
      return EFFORTS.quick;
    case Effort.THOROUGH:
      return EFFORTS.thorough;
    default:
      return EFFORTS.default;
  }
}
