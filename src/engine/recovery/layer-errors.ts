import type { HiddenStates, StatePool } from '../forward/hidden-states.js';

/** How far a model's hidden states after each layer are from its teacher's, on one step's batches. */
export interface LayerErrors {
  /** Keeps a copy of the teacher's states after a layer. */
  teach(layer: number, taught: HiddenStates): void;
  /**
   * Adds a layer's share of the loss to its derivative by the model's states after the layer, and returns it; 0 if the
   * teacher's are not known. To be called once a layer: the teacher's are given back.
   */
  passBack(layer: number, states: HiddenStates, upstream: readonly Float32Array[]): number;
}

/**
 * The layers' own errors as part of a loss, after "FitNets" (arXiv 1412.6550) and TinyBERT (arXiv 1909.10351): with the
 * states h' of the model and h of its teacher after each layer, weight times the mean over layers of
 * sum (h' - h)^2 / sum h^2, both sums over all tokens of the step. Its derivative by h' of one layer is
 * 2 weight (h' - h) / (layers sum h^2).
 */
export function createLayerErrors(weight: number, layers: number, pool: StatePool): LayerErrors {
  const kept = new Map<number, HiddenStates>();
  return {
    teach: (layer, taught) => {
      if (weight === 0) return;
      const copies = taught.map((values) => {
        const copy = pool.take(values.length);
        copy.set(values);
        return copy;
      });
      kept.set(layer, copies);
    },
    passBack: (layer, states, upstream) => {
      const taught = kept.get(layer);
      if (taught === undefined) return 0;
      const factor = weight / (layers * taught.reduce((sum, values) => sum + sumSquares(values), 0));
      let squares = 0;
      for (const [index, values] of taught.entries()) {
        squares += addSlopes(values, states[index] as Float32Array, upstream[index] as Float32Array, 2 * factor);
        pool.give(values);
      }
      kept.delete(layer);
      return factor * squares;
    },
  };
}

/** Adds `scale` (h' - h) to the slopes. Returns sum (h' - h)^2. */
function addSlopes(taught: Float32Array, states: Float32Array, slopes: Float32Array, scale: number): number {
  let squares = 0;
  for (let at = 0; at < taught.length; at++) {
    const gap = (states[at] as number) - (taught[at] as number);
    squares += gap * gap;
    slopes[at] = (slopes[at] as number) + scale * gap;
  }
  return squares;
}

function sumSquares(values: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    sum += value * value;
  }
  return sum;
}
