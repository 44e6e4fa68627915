import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelShape } from '../src/core/model/shape.js';
import { createRng } from '../src/core/random.js';
import { encodeValues } from '../src/engine/checkpoint/dtype.js';
import { parseConfig } from '../src/engine/checkpoint/parse-config.js';
import { writeSafetensors } from '../src/engine/checkpoint/write-safetensors.js';
import { findFamily } from '../src/engine/families/find-family.js';
import { listTensors, type TensorSpec } from '../src/engine/families/list-tensors.js';

/** Llama-2-7B's config.json, with another number of layers. */
export function describeLlama7b(layers: number): Readonly<Record<string, unknown>> {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: 4096,
    intermediate_size: 11_008,
    num_attention_heads: 32,
    num_key_value_heads: 32,
    num_hidden_layers: layers,
    vocab_size: 32_000,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
    torch_dtype: 'bfloat16',
    bos_token_id: 1,
    hidden_act: 'silu',
  };
}

/** Bytes of the weights in BF16, by what they belong to. */
export interface WeightBytes {
  readonly layers: readonly number[];
  readonly embedding: number;
  readonly head: number;
  readonly finalNorm: number;
}

/** Writes a checkpoint of random BF16 weights, tensor by tensor, in files of at most `shardBytes` with an index. */
export async function writeRandomCheckpoint(
  directory: string,
  config: Readonly<Record<string, unknown>>,
  shardBytes = 4 * 2 ** 30,
): Promise<{ readonly shape: ModelShape; readonly bytes: WeightBytes }> {
  const { shape } = parseConfig(config);
  const tensors = listTensors(findFamily(shape.family), shape);
  const noise = createNoise();
  await writeFile(join(directory, 'config.json'), `${JSON.stringify(config, undefined, 2)}\n`);
  await writeSafetensors({
    directory,
    shardBytes,
    work: { signal: new AbortController().signal },
    tensors: tensors.map((spec, index) => ({
      name: spec.name,
      dtype: 'BF16',
      shape: [...spec.shape],
      read: async (rows) => fill(spec, noise, index, rows),
    })),
  });
  const sumBytes = (wanted: (spec: TensorSpec) => boolean): number =>
    tensors.filter(wanted).reduce((sum, { shape: sizes }) => sum + 2 * countValues(sizes), 0);
  return {
    shape,
    bytes: {
      layers: shape.layers.map((_, layer) => sumBytes((spec) => spec.layer === layer)),
      embedding: sumBytes(({ part }) => part === 'embedding'),
      head: sumBytes(({ part }) => part === 'head'),
      finalNorm: sumBytes(({ part }) => part === 'finalNorm'),
    },
  };
}

const NOISE_VALUES = 2 ** 22;

/** BF16 values of deviation 0.02, as in model initialisation. */
function createNoise(): Uint8Array {
  const rng = createRng(7);
  const uniform = Float32Array.from({ length: NOISE_VALUES }, () => 0.02 * Math.sqrt(3) * (2 * rng.uniform() - 1));
  return encodeValues(uniform, 'BF16');
}

/** Norms are ones; matrices are noise, each from another offset. */
function fill(
  { shape: [all = 1, ...rest] }: TensorSpec,
  noise: Uint8Array,
  index: number,
  { first, count } = { first: 0, count: all },
): Uint8Array {
  if (rest.length === 0) return encodeValues(new Float32Array(count).fill(1), 'BF16');
  const rowBytes = 2 * countValues(rest);
  const bytes = new Uint8Array(count * rowBytes);
  for (let at = 0, from = (2 * index * 65_537 + first * rowBytes) % noise.length; at < bytes.length; from = 0) {
    const part = noise.subarray(from, from + bytes.length - at);
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function countValues(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
