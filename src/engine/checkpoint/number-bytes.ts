import type { BlockTensor, ModelShape, NumberBytes } from '../../core/model/shape.js';
import type { BlockPart, Family } from '../families/family.js';
import { nameBlockTensor } from '../families/list-tensors.js';
import type { TensorEntry } from './checkpoint.js';
import { DTYPE_BYTES } from './dtype.js';

/**
 * The width of each tensor of a checkpoint, including those that an export may add: a bias is as wide as its weight;
 * the constant of a half-block that the checkpoint has already dropped is as wide as the embedding. `pruneModel` writes
 * the same widths.
 */
export function readNumberBytes(
  family: Family,
  shape: ModelShape,
  tensors: ReadonlyMap<string, TensorEntry>,
): number | NumberBytes {
  const find = (name: string): number | undefined => {
    const dtype = tensors.get(name)?.dtype;
    return dtype === undefined ? undefined : DTYPE_BYTES[dtype];
  };
  const embedding = find(`${family.names.embedding}.weight`) ?? DTYPE_BYTES.F32;
  const mixed = {
    embedding,
    head: find(`${family.names.head}.weight`) ?? embedding,
    finalNorm: find(`${family.names.finalNorm}.weight`) ?? embedding,
    layers: shape.layers.map(({ kvHeads, ffnChannels }, layer) => {
      const weight = (part: BlockPart): number => find(nameBlockTensor(family, layer, part)) ?? embedding;
      const bias = (part: BlockPart): number => find(nameBlockTensor(family, layer, part, 'bias')) ?? weight(part);
      return {
        attentionNorm: weight('attentionNorm'),
        query: weight('query'),
        key: weight('key'),
        value: weight('value'),
        output: weight('output'),
        queryNorm: weight('queryNorm'),
        keyNorm: weight('keyNorm'),
        queryBias: bias('query'),
        keyBias: bias('key'),
        valueBias: bias('value'),
        outputBias: bias('output'),
        ffnNorm: weight('ffnNorm'),
        gate: weight('gate'),
        up: weight('up'),
        down: weight('down'),
        gateBias: bias('gate'),
        upBias: bias('up'),
        downBias: bias('down'),
        outputLeft: kvHeads > 0 ? weight('output') : bias('output'),
        downLeft: ffnChannels > 0 ? weight('down') : bias('down'),
      } satisfies Record<BlockTensor, number>;
    }),
  };
  const { layers, ...outside } = mixed;
  const widths = new Set([...Object.values(outside), ...layers.flatMap((layer) => Object.values(layer))]);
  return widths.size === 1 ? embedding : mixed;
}
