import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Architecture, ModelShape } from '../../core/model/shape.js';
import type { ExportSource, PrunedModel, PrunedTensor } from '../../core/ports/exporter.js';
import { createRng } from '../../core/random.js';
import { writeSafetensors } from '../../engine/checkpoint/write-safetensors.js';
import { FAMILIES } from '../../engine/families/find-family.js';
import type { Family } from '../../engine/families/family.js';
import { listTensors } from '../../engine/families/list-tensors.js';

const DENSE = { kvHeads: 2, queryHeadsPerKv: 2, ffnChannels: 6 } as const;

/** What is kept of two layers. */
export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  'layers of one shape': [
    { ...DENSE, ffnChannels: 4 },
    { ...DENSE, ffnChannels: 4 },
  ],
  'layers that differ': [{ ...DENSE, kvHeads: 1, ffnChannels: 5 }, DENSE],
  'a layer without attention': [{ kvHeads: 0, queryHeadsPerKv: 0, ffnChannels: 3 }, DENSE],
};

/** A file that is copied to every output. */
export const COMPANION = 'tokenizer_config.json';

const FILES: Readonly<Record<string, string>> = {
  [COMPANION]: '{"made_up": true}\n',
  'tokenizer.json': JSON.stringify({
    version: '1.0',
    added_tokens: [{ id: 9, content: '</s>', special: true }],
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    decoder: { type: 'ByteLevel' },
    model: {
      type: 'BPE',
      vocab: { a: 0, b: 1, c: 2, d: 3, e: 4, Ġ: 5, ab: 6, cd: 7, abcd: 8, '</s>': 9 },
      merges: ['a b', 'c d', 'ab cd'],
    },
  }),
};

/** The sizes of a made-up pruned model, without its weights. */
export function makeUpShape(architecture: Architecture): ModelShape {
  return {
    family: FAMILY.id,
    hidden: 8,
    headDim: 2,
    vocabulary: 10,
    tiedEmbeddings: true,
    biases: { queryKeyValue: false, attentionOutput: false, ffn: false },
    queryKeyNorms: FAMILY.queryKeyNorms,
    layers: architecture,
    numberBytes: 4,
  };
}

/** What is known of it before it is pruned. */
export function makeUpSource(architecture: Architecture): ExportSource {
  const shape = makeUpShape(architecture);
  return {
    shape,
    config: {
      architectures: [FAMILY.architecture],
      model_type: FAMILY.id,
      hidden_size: shape.hidden,
      num_hidden_layers: architecture.length,
      num_attention_heads: DENSE.kvHeads * DENSE.queryHeadsPerKv,
      num_key_value_heads: DENSE.kvHeads,
      head_dim: shape.headDim,
      intermediate_size: DENSE.ffnChannels,
      vocab_size: shape.vocabulary,
      max_position_embeddings: 32,
      tie_word_embeddings: true,
      hidden_act: 'silu',
      rms_norm_eps: 1e-5,
      rope_theta: 10_000,
      torch_dtype: 'float32',
    },
    readSource: async (file) => {
      const text = FILES[file];
      return text === undefined ? undefined : new TextEncoder().encode(text);
    },
  };
}

/** A pruned model with random weights; `read` is called before each tensor is read. */
export function makeUpModel(architecture: Architecture, read: () => void = () => {}): PrunedModel {
  const shape = makeUpShape(architecture);
  return {
    ...makeUpSource(architecture),
    architecture,
    keptUnits: architecture.map(({ kvHeads, queryHeadsPerKv, ffnChannels }) => ({
      kvGroups: range(kvHeads),
      queryHeads: range(kvHeads * queryHeadsPerKv),
      ffnChannels: range(ffnChannels),
    })),
    sourceDirectory: '/nowhere/made-up',
    listCompanions: async () => Object.keys(FILES),
    tensors: listTensors(FAMILY, shape).map(({ name, shape: sizes }): PrunedTensor => {
      const count = sizes.reduce((product, size) => product * size, 1);
      const rng = createRng(51).fork(name);
      const values = Float32Array.from({ length: count }, () => rng.uniform() - 0.5);
      return {
        name,
        dtype: 'F32',
        shape: sizes,
        read: async (rows) => {
          read();
          const { first, count: rowCount } = rows ?? { first: 0, count: sizes[0] ?? 1 };
          const width = count / (sizes[0] ?? 1);
          return new Uint8Array(values.slice(first * width, (first + rowCount) * width).buffer);
        },
      };
    }),
    manifest: { model: 'made-up', recipe: { criterion: { id: 'made-up', options: {} } } },
  };
}

/** Writes a checkpoint that computes what the model does: it has zeros in place of what the model does not keep. */
export async function writePadded(model: PrunedModel, directory: string): Promise<void> {
  const present = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
  const tensors = listTensors(FAMILY, makeUpShape([DENSE, DENSE])).map(({ name, shape }): PrunedTensor => {
    const kept = present.get(name);
    return { name, dtype: 'F32', shape, read: async () => pad(kept, shape) };
  });
  await writeFile(join(directory, 'config.json'), JSON.stringify(model.config));
  await writeSafetensors({ directory, tensors, shardBytes: Infinity, work: { signal: new AbortController().signal } });
}

/** What is kept comes first, in rows and in columns. */
async function pad(kept: PrunedTensor | undefined, [rows = 1, columns = 1]: readonly number[]): Promise<Uint8Array> {
  const padded = new Float32Array(rows * columns);
  const [keptRows = 0, keptColumns = 1] = kept?.shape ?? [];
  const values = kept === undefined ? new Float32Array() : new Float32Array((await kept.read()).slice().buffer);
  for (let row = 0; row < keptRows; row++)
    padded.set(values.subarray(row * keptColumns, (row + 1) * keptColumns), row * columns);
  return new Uint8Array(padded.buffer);
}

const FAMILY = FAMILIES[0] as Family;

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}
