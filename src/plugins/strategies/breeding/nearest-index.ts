/** Index of the nearest of ascending counts, the lower of two equally near; 0 if there are none. */
export function nearestIndex(allowed: readonly number[], count: number): number {
  let [low, high] = [0, allowed.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    const [below, above] = [allowed[middle] ?? 0, allowed[middle + 1] ?? 0];
    if (count - below <= above - count) high = middle;
    else low = middle + 1;
  }
  return Math.max(0, low);
}
