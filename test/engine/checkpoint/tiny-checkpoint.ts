import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export interface TinyTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A folder that goes when the test ends. */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'prunecast-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A safetensors file: 8 bytes of length, the header as it is given, the values. */
export function packSafetensors(header: unknown, values: Uint8Array = new Uint8Array()): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + values.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(values, 8 + json.length);
  return bytes;
}

/** A well-formed file of these tensors, one after the other. */
export function packTensors(tensors: Readonly<Record<string, TinyTensor>>): Uint8Array {
  const header: Record<string, unknown> = {};
  let end = 0;
  for (const [name, { dtype, shape, bytes }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [end, end + bytes.length] };
    end += bytes.length;
  }
  return packSafetensors(header, Buffer.concat(Object.values(tensors).map(({ bytes }) => bytes)));
}

/** [rows, columns] of float32 with the value 100 row + column + base. */
export function countUp(shape: readonly number[], base = 0): TinyTensor {
  const [rows = 1, columns = 1] = shape;
  const values = Float32Array.from(
    { length: rows * columns },
    (_, i) => base + 100 * Math.floor(i / columns) + (i % columns),
  );
  return { dtype: 'F32', shape, bytes: new Uint8Array(values.buffer) };
}

/** One layer of 2 key-value groups of 2 query heads of 2, 3 channels, hidden 2, tied embeddings: all weights count up. */
export const TINY_CONFIG = {
  model_type: 'llama',
  hidden_size: 2,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 2,
  intermediate_size: 3,
  vocab_size: 3,
  max_position_embeddings: 16,
  tie_word_embeddings: true,
} as const;

export function tinyTensors(): Record<string, TinyTensor> {
  const block = 'model.layers.0.';
  return {
    'model.embed_tokens.weight': countUp([3, 2]),
    [`${block}input_layernorm.weight`]: countUp([2]),
    [`${block}self_attn.q_proj.weight`]: countUp([8, 2], 1000),
    [`${block}self_attn.k_proj.weight`]: countUp([4, 2], 2000),
    [`${block}self_attn.v_proj.weight`]: countUp([4, 2], 3000),
    [`${block}self_attn.o_proj.weight`]: countUp([2, 8], 4000),
    [`${block}post_attention_layernorm.weight`]: countUp([2]),
    [`${block}mlp.gate_proj.weight`]: countUp([3, 2], 5000),
    [`${block}mlp.up_proj.weight`]: countUp([3, 2], 6000),
    [`${block}mlp.down_proj.weight`]: countUp([2, 3], 7000),
    'model.norm.weight': countUp([2]),
  };
}

/** Writes files into a folder that goes when the test ends; objects as JSON. */
export async function writeFolder(files: Readonly<Record<string, unknown>>): Promise<string> {
  const folder = await makeFolder();
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder, name), content instanceof Uint8Array ? content : JSON.stringify(content));
  }
  return folder;
}

/** The tiny model in one file, with some of its files or tensors changed; a tensor that is undefined is left out. */
export function writeTiny(
  changes: {
    readonly config?: object;
    readonly tensors?: Readonly<Record<string, TinyTensor | undefined>>;
    readonly files?: object;
  } = {},
): Promise<string> {
  const tensors = Object.fromEntries(
    Object.entries({ ...tinyTensors(), ...changes.tensors }).flatMap(([name, tensor]) =>
      tensor === undefined ? [] : [[name, tensor] as const],
    ),
  );
  return writeFolder({
    'config.json': { ...TINY_CONFIG, ...changes.config },
    'model.safetensors': packTensors(tensors),
    ...changes.files,
  });
}
