import { parseHalf } from '../calibration/gram-store.js';
import type { Checkpoint, TensorDtype } from '../checkpoint/checkpoint.js';
import { decodeInto, encodeValues } from '../checkpoint/dtype.js';
import { findWrittenDtype } from '../checkpoint/find-written-dtype.js';
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
  return (name, part, values) => {
    const { layer, half } = parseHalf(name);
    const output = OUTPUT_PART[half];
    const round = (written: MapPart, role: 'weight' | 'bias' | 'left-bias'): Float32Array => {
      const tensor = nameBlockTensor(family, layer, written, role === 'weight' ? 'weight' : 'bias');
      return roundTo(findWrittenDtype({ tensors }, family, { name: tensor, layer, part: written }, role), values);
    };
    const map = [...INPUT_PARTS[half], output].find((known) => known === part);
    if (map !== undefined) return round(map, 'weight');
    if (part === `${output}Bias`) return round(output, 'bias');
    if (part === 'bias') return round(output, 'left-bias');
    return values; // norms, and biases of the inputs, are the checkpoint's own
  };
}

function roundTo(dtype: TensorDtype, values: Float32Array): Float32Array {
  if (dtype === 'F32') return values;
  const rounded = new Float32Array(values.length);
  decodeInto(rounded, encodeValues(values, dtype), dtype);
  return rounded;
}
