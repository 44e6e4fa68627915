import { formatCount } from '../../words/format.js';

/** What a figure says of points that it does not have, as a sentence that begins with a blank; empty for none. */
export function describeLeftOut(shown: number, leftOut: number, noun: string): string {
  return leftOut === 0
    ? ''
    : ` Shown are ${formatCount(shown)} of ${formatCount(shown + leftOut)} ${noun}, evenly chosen.`;
}
