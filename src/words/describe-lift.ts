import type { Lift } from '../gen/prunecast/v1/study_types.js';
import { formatShare } from './format.js';

/** The interval of a lift: `95 % interval 1.2 % to 3.4 %`. */
export function describeLift({ low, high }: Pick<Lift, 'low' | 'high'>): string {
  return low === undefined || high === undefined
    ? 'no interval'
    : `95 % interval ${formatShare(low)} to ${formatShare(high)}`;
}

/** A lift in words, to be followed by what it is compared with: `3.3 % better than`, `15.2 % worse than`. */
export function compareBy(lift: number): string {
  return `${formatShare(Math.abs(lift))} ${lift < 0 ? 'worse' : 'better'} than`;
}
