/** Layers `from` to `to - 1`. */
export interface LayerSegment {
  readonly from: number;
  readonly to: number;
}

/**
 * Where the hidden states are kept on the way forward: the states at the start of each segment, and inside the segment that
 * goes backward those of all its layers ("Training Deep Nets with Sublinear Memory Cost", arXiv 1604.06174). As few
 * segments as fit, since all but the last are run forward twice.
 *
 * @param copies hidden states of all sequences that fit at once
 * @returns undefined where no split fits
 */
export function planSegments(layers: number, copies: number): LayerSegment[] | undefined {
  for (let count = 1; count <= layers; count++) {
    const size = Math.ceil(layers / count);
    if (countCopies(layers, count) > copies) continue;
    return Array.from({ length: Math.ceil(layers / size) }, (_, index) => ({
      from: index * size,
      to: Math.min((index + 1) * size, layers),
    }));
  }
  return undefined;
}

/** The fewest hidden states of all sequences with which a split fits. */
export function countLeastCopies(layers: number): number {
  return Math.min(...Array.from({ length: layers }, (_, index) => countCopies(layers, index + 1)));
}

/** Starts of the other segments, inputs of this one, its end, the gradient, and one that is written. */
function countCopies(layers: number, segments: number): number {
  return segments + Math.ceil(layers / segments) + 2;
}
