import type { ModelShape } from '../../core/model/shape.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { RankedWeights } from '../weights/half-blocks.js';

/**
 * The part of the dense outputs that a layer's compensated half-blocks still miss: ||X W - X_k W'||^2 / tokens, summed
 * over hidden, damping included. Empty if the compensation does not know it or the model does not have the half-block.
 */
export interface LayerErrors {
  /** By number of kept key-value groups with all of their query heads, from 0 to all. */
  readonly attention: Float64Array;
  /** By number of kept channels, from 0 to all. */
  readonly ffn: Float64Array;
}

/** The calibration errors of every width, layer by layer; one factorisation per half-block yields them all. */
export async function listCalibrationErrors(
  { layers, headDim }: ModelShape,
  weights: RankedWeights,
  { signal, report }: WorkContext,
): Promise<LayerErrors[]> {
  const errors: LayerErrors[] = [];
  for (const [layer, { kvHeads, queryHeadsPerKv, ffnChannels }] of layers.entries()) {
    signal.throwIfAborted();
    const attention = await weights.errors(layer, 'attention');
    signal.throwIfAborted();
    const ffn = await weights.errors(layer, 'ffn');
    errors.push({
      attention: listWidths(attention, kvHeads, queryHeadsPerKv * headDim),
      ffn: listWidths(ffn, ffnChannels, 1),
    });
    report?.({ activity: 'measuring errors', what: 'layers', done: layer + 1, total: layers.length });
  }
  return errors;
}

function listWidths(error: ((width: number) => number) | undefined, units: number, rowsAUnit: number): Float64Array {
  return error === undefined
    ? new Float64Array()
    : Float64Array.from({ length: units + 1 }, (_, kept) => error(kept * rowsAUnit));
}
