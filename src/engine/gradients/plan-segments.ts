/** Layers `from` to `to - 1`. */
export interface LayerSegment {
  readonly from: number;
  readonly to: number;
}

/**
 * Where hidden states are kept on the forward pass: those at the start of each segment, and during a segment's backward
 * pass those of all its layers ("Training Deep Nets with Sublinear Memory Cost", arXiv 1604.06174). Takes as few
 * segments as fit, because all but the last are run forward twice.
 *
 * @param copies how many hidden states of all sequences fit at once
 * @returns undefined if no split fits
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

/** The smallest number of hidden states of all sequences for which a split fits. */
export function countLeastCopies(layers: number): number {
  return Math.min(...Array.from({ length: layers }, (_, index) => countCopies(layers, index + 1)));
}

/** Starts of the other segments, inputs of this one, its end, the gradient, and one that is being written. */
function countCopies(layers: number, segments: number): number {
  return segments + Math.ceil(layers / segments) + 2;
}
