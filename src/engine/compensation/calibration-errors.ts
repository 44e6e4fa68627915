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
  signal: AbortSignal,
  meter: ErrorMeter,
): Promise<LayerErrors[]> {
  const errors: LayerErrors[] = [];
  for (const [layer, { kvHeads, queryHeadsPerKv, ffnChannels }] of layers.entries()) {
    signal.throwIfAborted();
    const attention = await weights.errors(layer, 'attention');
    meter.measured(layer, 'attention');
    signal.throwIfAborted();
    const ffn = await weights.errors(layer, 'ffn');
    errors.push({
      attention: listWidths(attention, kvHeads, queryHeadsPerKv * headDim),
      ffn: listWidths(ffn, ffnChannels, 1),
    });
    meter.measured(layer, 'ffn');
  }
  return errors;
}

/** How far the errors of a model are measured. */
export interface ErrorMeter {
  /** The factorisation of a half-block is over. */
  measured(layer: number, half: 'attention' | 'ffn'): void;
  /** So much of the one that is under way is done. */
  readonly fitting: (share: number) => void;
}

/** Counts layers; a half-block is as large a part of its layer as the cube of its rows is. */
export function createErrorMeter({ layers, headDim }: ModelShape, { report }: WorkContext): ErrorMeter {
  const shares = layers.map(({ kvHeads, queryHeadsPerKv, ffnChannels }) => {
    const [attention, ffn] = [(kvHeads * queryHeadsPerKv * headDim) ** 3, ffnChannels ** 3];
    return { attention: attention + ffn === 0 ? 0 : attention / (attention + ffn), ffn: 1 };
  });
  let [from, to] = [0, shares[0]?.attention ?? 0];
  const tell = (done: number): void =>
    report?.({ activity: 'measuring errors', what: 'layers', done, total: layers.length });
  return {
    measured(layer, half) {
      from = layer + (shares[layer]?.[half] ?? 0);
      to = half === 'attention' ? layer + 1 : from + (shares[layer + 1]?.attention ?? 0);
      tell(from);
    },
    fitting: (share) => tell(from + share * (to - from)),
  };
}

function listWidths(error: ((width: number) => number) | undefined, units: number, rowsAUnit: number): Float64Array {
  return error === undefined
    ? new Float64Array()
    : Float64Array.from({ length: units + 1 }, (_, kept) => error(kept * rowsAUnit));
}
