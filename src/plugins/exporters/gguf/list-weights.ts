import type { ModelShape } from '../../../core/model/shape.js';
import type { PrunedModel, PrunedTensor, RowRange } from '../../../core/ports/exporter.js';
import type { TensorDtype } from '../../../engine/checkpoint/checkpoint.js';
import { convertTensor } from '../../../engine/checkpoint/convert-tensor.js';
import { DTYPE_BYTES } from '../../../engine/checkpoint/dtype.js';
import type { BlockPart, LlamaCppArchitecture } from '../../../engine/families/family.js';
import { findFamily } from '../../../engine/families/find-family.js';
import { listTensors, nameBlockTensor, type TensorSpec } from '../../../engine/families/list-tensors.js';
import { encodeBlocks } from './encode-blocks.js';
import { listBiases, type PlannedLayers } from './plan-layers.js';
import type { GgufTensor, GgufType } from './write-gguf.js';

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
  const present = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
  return listSpecs(shape, layers).map((spec): GgufTensor => {
    const { layer, part, kind } = spec;
    const source = layer === undefined ? undefined : layers[layer]?.source;
    const name = source === undefined ? spec.name : nameBlockTensor(family, source, part as BlockPart, kind);
    const stored = chooseType(spec, type);
    const tensor = present.get(name);
    const blocks = stored === 'Q8_0' || stored === 'Q4_0' ? stored : undefined;
    const dtype = stored === 'Q8_0' || stored === 'Q4_0' ? (tensor?.dtype ?? 'F32') : stored;
    return {
      name: nameWeight(spec),
      shape: spec.shape,
      type: stored,
      rowsTogether: isPaired(spec, architecture) ? shape.headDim : 1,
      read: async (rows) => {
        const count = rows?.count ?? spec.shape[0] ?? 1;
        const bytes = await readBytes(tensor, spec.shape, dtype, rows);
        const paired = isPaired(spec, architecture) ? pairRows(bytes, count, shape.headDim) : bytes;
        return blocks === undefined ? paired : encodeBlocks(paired, dtype, blocks, name);
      },
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

async function readBytes(
  tensor: PrunedTensor | undefined,
  [all = 1, ...rest]: readonly number[],
  dtype: TensorDtype,
  rows: RowRange | undefined,
): Promise<Uint8Array> {
  if (tensor !== undefined) return convertTensor(tensor, dtype).read(rows);
  return new Uint8Array([rows?.count ?? all, ...rest].reduce((product, size) => product * size, DTYPE_BYTES[dtype]));
}

/** Of whole heads. */
function pairRows(bytes: Uint8Array, rows: number, headDim: number): Uint8Array {
  const width = bytes.length / rows;
  const paired = new Uint8Array(bytes.length);
  for (let row = 0; row < rows; row += 1)
    paired.set(bytes.subarray(row * width, (row + 1) * width), pairRow(row, headDim) * width);
  return paired;
}
