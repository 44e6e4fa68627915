import type { Lift } from '../gen/prunecast/v1/study_types.js';
import { formatShare } from './format.js';

/** The interval of a lift: `95 % interval 1.2 % to 3.4 %`. */
export function describeLift({ low, high }: Pick<Lift, 'low' | 'high'>): string {
  return low === undefined || high === undefined
    ? 'no interval'
    : `95 % interval ${formatShare(low)} to ${formatShare(high)}`;
}
