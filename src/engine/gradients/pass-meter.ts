import { countFixedParameters, countParameters } from '../../core/model/parameters.js';
import type { ModelShape } from '../../core/model/shape.js';
import type { LayerSegment } from './plan-segments.js';

/** Counts the passes of all sequences through layers and head, each by what it computes. */
export interface PassMeter {
  /** So much of a layer has run forward. */
  forward(share: number): void;
  /** So much of a layer has run back. */
  back(share: number): void;
  /** So much of the head has run both ways. */
  head(share: number): void;
}

/** The way back takes as long as so many ways forward. */
const BACK = 2;

/** @param tell is told the share of all passes that is done */
export function createPassMeter(
  shape: ModelShape,
  segments: readonly LayerSegment[],
  tell: (share: number) => void,
): PassMeter {
  const { hidden, vocabulary, layers } = shape;
  const parameters = countParameters(shape, layers) - countFixedParameters(shape);
  const head = ((1 + BACK) * vocabulary * hidden * layers.length) / Math.max(1, parameters);
  // Layers of all segments but the last run forward for the start of the next one, and all but the last layer of each
  // once more.
  const forward = segments.reduce(
    (sum, { from, to }, index) => sum + (index < segments.length - 1 ? 2 : 1) * (to - from) - 1,
    1,
  );
  const all = forward + BACK * layers.length + head;
  let done = 0;
  const add = (passes: number): void => tell(Math.min(1, (done += passes) / all));
  return { forward: add, back: (share) => add(BACK * share), head: (share) => add(head * share) };
}
