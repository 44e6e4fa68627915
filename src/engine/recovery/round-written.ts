import { parseHalf } from '../calibration/gram-store.js';
import type { Checkpoint, TensorDtype } from '../checkpoint/checkpoint.js';
import { decodeInto, encodeValues } from '../checkpoint/dtype.js';
import { findFamily } from '../families/find-family.js';
import { nameBlockTensor } from '../families/list-tensors.js';
import { INPUT_PARTS, OUTPUT_PART, type MapPart } from '../weights/map-parts.js';

/**
 * The values of an array of a half-block as an output will hold them; the array itself if it holds them exactly.
 *
 * @param name of the half-block, from `nameHalf`
 * @param part the array's name within the half-block
 */
export type RoundWritten = (name: string, part: string, values: Float32Array) => Float32Array;

/** Rounds to the dtypes of a checkpoint, which its outputs keep. */
export function roundToCheckpoint({ config, tensors }: Pick<Checkpoint, 'config' | 'tensors'>): RoundWritten {
  const family = findFamily(config.shape.family);
  const dtypeOf = (layer: number, part: MapPart, kind: 'weight' | 'bias'): TensorDtype | undefined =>
    tensors.get(nameBlockTensor(family, layer, part, kind))?.dtype;
  return (name, part, values) => {
    const { layer, half } = parseHalf(name);
    const output = OUTPUT_PART[half];
    const map = [...INPUT_PARTS[half], output].find((known) => known === part);
    if (map !== undefined) return roundTo(dtypeOf(layer, map, 'weight'), values);
    // A bias that the checkpoint does not have gets the dtype of its weight, as does one that is left of a half-block.
    const [own, ofWeight] = [dtypeOf(layer, output, 'bias'), dtypeOf(layer, output, 'weight')];
    if (part === `${output}Bias`) return roundTo(own ?? ofWeight, values);
    if (part === 'bias') return roundTo(ofWeight ?? own, values);
    return values; // norms, and biases of the inputs, are the checkpoint's own
  };
}

function roundTo(dtype: TensorDtype | undefined, values: Float32Array): Float32Array {
  if (dtype === undefined || dtype === 'F32') return values;
  const rounded = new Float32Array(values.length);
  decodeInto(rounded, encodeValues(values, dtype), dtype);
  return rounded;
}
