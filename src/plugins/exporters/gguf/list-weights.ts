import type { ModelShape } from '../../../core/model/shape.js';
import type { PrunedModel, PrunedTensor } from '../../../core/ports/exporter.js';
import { convertTensor } from '../../../engine/checkpoint/convert-tensor.js';
import { type DerivedRows, deriveRows, type ReadRows } from '../../../engine/checkpoint/derive-rows.js';
import { createSpareMemory, placeIn, type SpareMemory } from '../../../engine/checkpoint/piece-memory.js';
import { DTYPE_BYTES } from '../../../engine/checkpoint/dtype.js';
import type { BlockPart, LlamaCppArchitecture } from '../../../engine/families/family.js';
import { findFamily } from '../../../engine/families/find-family.js';
import { listTensors, nameBlockTensor, type TensorSpec } from '../../../engine/families/list-tensors.js';
import { encodeBlocks } from './encode-blocks.js';
import { listBiases, type PlannedLayers } from './plan-layers.js';
import { countGgufBytes, type GgufTensor, type GgufType } from './write-gguf.js';

/** llama.cpp's names (gguf-py/gguf/constants.py). */
const PARTS: Readonly<Record<TensorSpec['part'], string>> = {
  embedding: 'token_embd',
  finalNorm: 'output_norm',
  head: 'output',
  attentionNorm: 'attn_norm',
  query: 'attn_q',
  key: 'attn_k',
  value: 'attn_v',
  queryNorm: 'attn_q_norm',
  keyNorm: 'attn_k_norm',
  output: 'attn_output',
  ffnNorm: 'ffn_norm',
  gate: 'ffn_gate',
  up: 'ffn_up',
  down: 'ffn_down',
};

/** What is rotated. */
const ROTATED: ReadonlySet<TensorSpec['part']> = new Set<BlockPart>(['query', 'key']);

/**
 * The tensors of the file, each made when it is read. Matrices have the type that is asked for; norms and biases are
 * float32, as llama.cpp computes with no other. What the plan has and the model lacks is zeros.
 */
export function listWeights(model: PrunedModel, { architecture, layers }: PlannedLayers, type: GgufType): GgufTensor[] {
  const { shape } = model;
  const family = findFamily(shape.family);
  const spares = createSpareMemory();
  const present = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
  return listSpecs(shape, layers).map((spec): GgufTensor => {
    const { layer, part, kind } = spec;
    const source = layer === undefined ? undefined : layers[layer]?.source;
    const name = source === undefined ? spec.name : nameBlockTensor(family, source, part as BlockPart, kind);
    const stored = chooseType(spec, type);
    const tensor = present.get(name);
    const [rows = 1] = spec.shape;
    const toBytes = countGgufBytes({ shape: spec.shape, type: stored }) / rows;
    const read = tensor === undefined ? readZeros(rows, toBytes) : readAs(tensor, stored, spares);
    const pair = (source: Uint8Array, target: Uint8Array): void => pairRows(source, target, toBytes, shape.headDim);
    const paired = isPaired(spec, architecture);
    return {
      name: nameWeight(spec),
      shape: spec.shape,
      type: stored,
      rowsTogether: paired ? shape.headDim : 1,
      read: paired ? deriveRows({ read, rows, fromBytes: toBytes, toBytes, make: pair }, spares) : read,
    };
  });
}

function listSpecs(shape: ModelShape, layers: PlannedLayers['layers']): readonly TensorSpec[] {
  const written = { ...shape, layers, biases: listBiases(shape), droppedBiases: false };
  return listTensors(findFamily(shape.family), written);
}

/** The name of a tensor in the file. */
export function nameWeight({ layer, part, kind }: Pick<TensorSpec, 'layer' | 'part' | 'kind'>): string {
  return `${layer === undefined ? '' : `blk.${layer}.`}${PARTS[part]}.${kind}`;
}

/** The type of a tensor in a file of a type. */
export function chooseType({ part, shape }: Pick<TensorSpec, 'part' | 'shape'>, type: GgufType): GgufType {
  if (shape.length === 1) return 'F32';
  return part === 'embedding' || part === 'head' ? tableType(type) : type;
}

/**
 * The type of the embeddings and of the head. Steps of 4 bits are too coarse for them (`npm run bench:loads`); llama.cpp's own
 * files of 4 bits keep them finer too.
 */
export function tableType(type: GgufType): GgufType {
  return type === 'Q4_0' ? 'Q8_0' : type;
}

/** Whether the rows of a tensor are in the order of `pairRow`. */
export function isPaired({ part }: Pick<TensorSpec, 'part'>, { rotates }: LlamaCppArchitecture): boolean {
  return ROTATED.has(part) && rotates === 'neighbours';
}

/** Where a row goes that is rotated with its neighbour: each head has them in the order 0, d/2, 1, d/2 + 1 and so on. */
export function pairRow(row: number, headDim: number): number {
  const [inHead, half] = [row % headDim, headDim / 2];
  return row - inHead + 2 * (inHead % half) + (inHead < half ? 0 : 1);
}

/** Zeros of every type are bytes of zero. */
function readZeros(all: number, rowBytes: number): ReadRows {
  return async (rows, memory) => placeIn(memory, (rows?.count ?? all) * rowBytes).fill(0);
}

function readAs(tensor: PrunedTensor, type: GgufType, spares: SpareMemory): ReadRows {
  if (type !== 'Q8_0' && type !== 'Q4_0') {
    const converted = convertTensor(tensor, type, spares);
    return (...part) => converted.read(...part);
  }
  const { name, shape, dtype } = tensor;
  const [rows = 1, columns = 1] = shape;
  const blocks: DerivedRows = {
    read: (...part) => tensor.read(...part),
    rows,
    fromBytes: columns * DTYPE_BYTES[dtype],
    toBytes: countGgufBytes({ shape, type }) / rows,
    make: (source, target) => encodeBlocks(source, dtype, { target, type, name }),
  };
  return deriveRows(blocks, spares);
}

/** Of whole heads. */
function pairRows(source: Uint8Array, target: Uint8Array, rowBytes: number, headDim: number): void {
  for (let row = 0; row * rowBytes < source.length; row += 1)
    target.set(source.subarray(row * rowBytes, (row + 1) * rowBytes), pairRow(row, headDim) * rowBytes);
}
