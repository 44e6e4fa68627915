import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { PrunedModel, PrunedTensor } from '../../../core/ports/exporter.js';
import { decodeInto, DTYPE_LIMITS } from '../../../engine/checkpoint/dtype.js';
import type { BlockPart } from '../../../engine/families/family.js';
import { findFamily } from '../../../engine/families/find-family.js';
import { listTensors, nameBlockTensor, type TensorSpec } from '../../../engine/families/list-tensors.js';
import { encodeBlocks } from './encode-blocks.js';
import { listBiases, type PlannedLayers } from './plan-layers.js';
import type { GgufTensor, GgufType } from './write-gguf.js';

/** llama.cpp's names (gguf-py/gguf/constants.py). */
const NAMES: Readonly<Record<TensorSpec['part'], string>> = {
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
  return listTensors(family, { ...shape, layers, biases: listBiases(shape), droppedBiases: false }).map(
    (spec): GgufTensor => {
      const { layer, part, kind } = spec;
      const source = layer === undefined ? undefined : layers[layer]?.source;
      const name = source === undefined ? spec.name : nameBlockTensor(family, source, part as BlockPart, kind);
      const stored = spec.shape.length === 1 ? 'F32' : type;
      const isPaired = ROTATED.has(part) && architecture.rotates === 'neighbours';
      return {
        name: `${layer === undefined ? '' : `blk.${layer}.`}${NAMES[part]}.${kind}`,
        shape: spec.shape,
        type: stored,
        read: async () => {
          const values = await readValues(present.get(name), spec.shape);
          requireRange(values, name, stored);
          return encodeBlocks(isPaired ? pairRows(values, spec.shape, shape.headDim) : values, stored);
        },
      };
    },
  );
}

async function readValues(tensor: PrunedTensor | undefined, shape: readonly number[]): Promise<Float32Array> {
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  if (tensor !== undefined) decodeInto(values, await tensor.read(), tensor.dtype);
  return values;
}

/** The rows of each head in the order 0, d/2, 1, d/2 + 1 and so on. */
function pairRows(values: Float32Array, [rows = 0]: readonly number[], headDim: number): Float32Array {
  const width = values.length / rows;
  const half = headDim / 2;
  const paired = new Float32Array(values.length);
  for (let row = 0; row < rows; row += 1) {
    const inHead = row % headDim;
    const to = row - inHead + 2 * (inHead % half) + (inHead < half ? 0 : 1);
    paired.set(values.subarray(row * width, (row + 1) * width), to * width);
  }
  return paired;
}

/** The steps of quantised blocks are float16 too, and smaller than the values by 8 at least. */
const LIMITS: Readonly<Record<GgufType, number>> = {
  ...DTYPE_LIMITS,
  Q8_0: 127 * DTYPE_LIMITS.F16,
  Q4_0: 8 * DTYPE_LIMITS.F16,
};

function requireRange(values: Float32Array, name: string, type: GgufType): void {
  const limit = LIMITS[type];
  if (limit === Infinity) return;
  const large = values.find((value) => Math.abs(value) >= limit);
  if (large !== undefined)
    throw PrunecastError.ofField(
      'exporter.options.type',
      `${name} has the value ${large}, which is too large for ${type}; take the type f32`,
      'INVALID_OPTIONS',
    );
}
