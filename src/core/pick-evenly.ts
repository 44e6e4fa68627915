/** The places of `most` of `count` things, spread evenly over them from the first; all of them if there are no more. */
export function pickEvenly(count: number, most: number): number[] {
  const picked = Math.min(count, most);
  return Array.from({ length: picked }, (_, index) => Math.floor((index * count) / picked));
}

/** How many of `count` things a share of them is. The tiny addend undoes rounding errors, so that 0.7 of 10 is 7. */
export function shareOf(count: number, share: number): number {
  return Math.floor(count * share + 1e-9 * count);
}

/**
 * All places below `count` in an order of which each beginning is spread evenly: their bits reversed (van der Corput,
 * "Verteilungsfunktionen", 1935). So a longer beginning has all places of a shorter one.
 */
export function spreadPlaces(count: number): number[] {
  const bits = Math.ceil(Math.log2(Math.max(2, count)));
  return Array.from({ length: 2 ** bits }, (_, index) => reverseBits(index, bits)).filter((place) => place < count);
}

function reverseBits(value: number, bits: number): number {
  let reversed = 0;
  for (let bit = 0; bit < bits; bit++) reversed = reversed * 2 + ((value >> bit) & 1);
  return reversed;
}
