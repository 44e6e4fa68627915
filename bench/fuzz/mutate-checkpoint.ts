import { drawBytes, drawInteger, drawJson, drawNumber, happens, pick } from './draw-value.js';
import { mutateBytes } from './mutate-message.js';
import { OUTSIDE_LINKS } from './outside.js';
import type { Rng } from '../../src/core/random.js';

export interface FuzzTensor {
  name: string;
  dtype: string;
  shape: readonly number[];
  bytes: Uint8Array;
}

/** A checkpoint in memory, to be damaged and written. */
export interface FuzzCheckpoint {
  config: Record<string, unknown>;
  tensors: FuzzTensor[];
  /** Parsed. */
  tokenizer: Record<string, unknown>;
  /** The number of weight files; if there is more than one, they have an index. */
  shards: number;
  /** Changes of the encoded files, by their names. */
  readonly damage: ((files: Map<string, FileContent>) => void)[];
}

/** The content of a file. */
export type FileContent = Uint8Array | 'folder' | 'pipe' | { readonly link: string };

const EXTRA_KEYS: Readonly<Record<string, readonly unknown[]>> = {
  rope_scaling: [
    null,
    {},
    { type: 'linear', factor: 2 },
    { rope_type: 'linear', factor: 1e-300 },
    { rope_type: 'dynamic', factor: 4 },
    { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 64 },
    { rope_type: 'yarn', factor: 0 },
    { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64 },
    { rope_type: 'llama3', factor: 8, low_freq_factor: 4, high_freq_factor: 4, original_max_position_embeddings: 64 },
    { rope_type: 'longrope', short_factor: [1], long_factor: [1] },
    { type: 'mrope', mrope_section: [1, 2] },
    'linear',
    3,
  ],
  rope_parameters: [
    { rope_type: 'default', rope_theta: 10_000 },
    { rope_theta: 0 },
    { rope_type: 'linear', factor: 2, rope_theta: 1e6 },
  ],
  rope_theta: [0, -1, 1, 1e-300, 1e6, 1e300],
  rms_norm_eps: [0, -1, 1e-40, 1e-6, 1, 1e38, 1e39, 1e300],
  sliding_window: [null, 0, 1, 8, 4096, -1],
  use_sliding_window: [true, false],
  max_window_layers: [0, 2, 28],
  layer_types: [
    ['full_attention'],
    ['sliding_attention', 'full_attention', 'full_attention', 'full_attention', 'full_attention'],
  ],
  hidden_act: ['silu', 'swish', 'gelu', 'relu', 3],
  attention_bias: [true, 'yes'],
  mlp_bias: [true],
  tie_word_embeddings: [true, false, 'true', 1],
  head_dim: [0, 1, 7, 8, 16, 1e9],
  bos_token_id: [null, -1, 0, 5, 511, 512, [1, 2], 'one', 1.5],
  max_position_embeddings: [0, 1, 16, 1e9, '512'],
  quantization_config: [{ quant_method: 'gptq', bits: 4 }],
  torch_dtype: ['float16', 'bfloat16', 'int8', 7],
  model_type: ['llama', 'mistral', 'qwen2', 'qwen3', 'gemma', '', null, 5],
  architectures: [['LlamaForCausalLM'], ['LlamaForSequenceClassification'], [], 'LlamaForCausalLM'],
  num_hidden_layers: [0, 1, 4, 6, 1e6],
  num_key_value_heads: [0, 1, 2, 3, 8, 16],
  num_attention_heads: [0, 4, 7, 1e6],
  vocab_size: [0, 1, 511, 513, 1e9],
  hidden_size: [0, 1, 63, 64, 65, 1e9],
  intermediate_size: [0, 1, 171, 1e9],
  pretraining_tp: [1, 2],
  partial_rotary_factor: [0.5],
  query_pre_attn_scalar: [256],
};

const LFS_POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 1045408\n`;

/** Damages a checkpoint in one to three ways. */
export function mutateCheckpoint(checkpoint: FuzzCheckpoint, rng: Rng): void {
  const count = pick(rng, [1, 1, 1, 2, 3]);
  for (let change = 0; change < count; change++)
    pick(rng, [
      changeConfig,
      changeConfig,
      changeValues,
      changeValues,
      changeTensors,
      changeTokenizer,
      damageFile,
      damageFile,
      damageStructure,
    ])(checkpoint, rng);
  if (happens(rng, 0.3)) checkpoint.shards = 2;
}

function changeConfig({ config }: FuzzCheckpoint, rng: Rng): void {
  const extra = pick(rng, Object.keys(EXTRA_KEYS));
  const key = happens(rng, 0.7) ? extra : pick(rng, Object.keys(config));
  if (happens(rng, 0.1)) delete config[key];
  else
    config[key] = happens(rng, 0.6)
      ? pick(rng, EXTRA_KEYS[extra] ?? [null])
      : happens(rng, 0.5)
        ? drawNumber(rng)
        : drawJson(rng, ['silu', 'llama', 'float16']);
  // A value of another key is a fault by itself; most values should belong to their key.
  if (key !== extra && happens(rng, 0.5)) config[key] = drawInteger(rng);
}

function changeValues({ tensors }: FuzzCheckpoint, rng: Rng): void {
  const tensor = pick(rng, tensors);
  if (tensor.dtype !== 'F32') return;
  const values = new Float32Array(tensor.bytes.slice().buffer);
  const value = pick(rng, [NaN, Infinity, -Infinity, 3.4e38, -3.4e38, 1e30, 1e20, 65_504, 1e-45, 0, -0]);
  const share = pick(rng, [0, 0, 0.01, 0.5, 1]);
  if (share === 0) values[rng.integer(values.length)] = value;
  else
    values.forEach((_, index) => {
      if (happens(rng, share)) values[index] = value;
    });
  tensor.bytes = new Uint8Array(values.buffer);
}

function changeTensors({ tensors }: FuzzCheckpoint, rng: Rng): void {
  const index = rng.integer(tensors.length);
  const tensor = tensors[index] as FuzzTensor;
  switch (rng.integer(9)) {
    case 0:
      tensors.splice(index, 1);
      break;
    case 1:
      tensor.name = pick(rng, ['', '__proto__', 'model.embed_tokens.weight', `module.${tensor.name}`, 'x'.repeat(300)]);
      break;
    case 2: {
      const prefix = pick(rng, ['module.', '_orig_mod.', 'base_model.model.']);
      const without = happens(rng, 0.5);
      for (const other of tensors) other.name = without ? other.name.replace(/^model\./, '') : prefix + other.name;
      break;
    }
    case 3:
      tensor.shape = pick(rng, [
        [],
        [0],
        [...tensor.shape].reverse(),
        [...tensor.shape, 1],
        [1, ...tensor.shape],
        tensor.shape.map((size) => size + 1),
      ]);
      break;
    case 4:
      tensor.dtype = pick(rng, ['F16', 'BF16', 'F64', 'I64', 'U8', 'BOOL', 'F8_E4M3', 'I8', 'F4', '']);
      break;
    case 5:
      tensors.push({
        name: pick(rng, [
          'lm_head.weight',
          'model.layers.0.self_attn.rotary_emb.inv_freq',
          'model.layers.0.attn.bias',
          'model.position_ids',
          'model.layers.9.mlp.up_proj.weight',
          'extra',
        ]),
        dtype: pick(rng, ['F32', 'F64', 'BOOL', 'I64']),
        shape: [4],
        bytes: drawBytes(rng).slice(0, 0),
      });
      break;
    case 6:
      tensor.bytes = tensor.bytes.subarray(0, rng.integer(tensor.bytes.length + 1));
      break;
    case 7: {
      // An empty tensor, as a ZeRO-3 save leaves it.
      tensor.shape = [0];
      tensor.bytes = new Uint8Array();
      break;
    }
    default:
      [tensor.bytes, (tensors[0] as FuzzTensor).bytes] = [(tensors[0] as FuzzTensor).bytes, tensor.bytes];
  }
}

function changeTokenizer({ tokenizer }: FuzzCheckpoint, rng: Rng): void {
  const places: { owner: Record<string, unknown>; key: string }[] = [];
  const walk = (owner: Record<string, unknown>, depth: number): void => {
    for (const [key, value] of Object.entries(owner).slice(0, 30)) {
      places.push({ owner, key });
      if (depth < 4 && typeof value === 'object' && value !== null) walk(value as Record<string, unknown>, depth + 1);
    }
  };
  walk(tokenizer, 0);
  const { owner, key } = pick(rng, places);
  if (happens(rng, 0.2)) delete owner[key];
  else
    owner[key] = happens(rng, 0.1)
      ? { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Isolated', invert: false }
      : drawJson(rng, ['BPE', 'Split', 'ByteLevel']);
}

function damageFile({ damage }: FuzzCheckpoint, rng: Rng): void {
  const kind = rng.integer(9);
  const change = rng.fork('damage');
  damage.push((files) => {
    const name = pick(change, [...files.keys()]);
    const content = files.get(name);
    if (!(content instanceof Uint8Array)) return;
    const damaged = ((): FileContent | undefined => {
      switch (kind) {
        case 0:
          return undefined;
        case 1:
          return 'folder';
        case 2:
          return 'pipe';
        case 3:
          return {
            link: pick(change, [
              '/etc/passwd',
              'config.json',
              name,
              '../stories260k/model.safetensors',
              ...OUTSIDE_LINKS,
            ]),
          };
        case 4:
          return new TextEncoder().encode(LFS_POINTER);
        case 5:
          return Buffer.concat([Uint8Array.of(0xef, 0xbb, 0xbf), content]);
        case 6:
          return name.endsWith('.json')
            ? Buffer.from(Buffer.from(content).toString('utf8'), 'utf16le')
            : new Uint8Array(8).fill(255);
        case 7:
          return content.slice(0, change.integer(content.length + 1));
        default:
          return mutateHead(content, change);
      }
    })();
    if (damaged === undefined) files.delete(name);
    else files.set(name, damaged);
  });
}

/** Values of the index that lead elsewhere. */
const SHARD_NAMES = [
  '../stories260k/model.safetensors',
  '/etc/passwd',
  'sub/../../stories260k/model.safetensors',
  '.hidden.safetensors',
  'config.json',
  'none.safetensors',
  `${'deep/'.repeat(9)}a.safetensors`,
  `${'x'.repeat(300)}.safetensors`,
  'a\0b.safetensors',
  '',
  7,
  ...OUTSIDE_LINKS,
];

/** Changes where a header says that a tensor lies, or an index where it is, or nests JSON deep. */
function damageStructure({ damage }: FuzzCheckpoint, rng: Rng): void {
  const kind = rng.integer(3);
  const change = rng.fork('structure');
  // Before others, which may leave files that are no longer read here.
  damage.unshift((files) => {
    const names = [...files.keys()].filter((name) => files.get(name) instanceof Uint8Array);
    const weights = names.find((name) => name.endsWith('.safetensors'));
    const index = names.find((name) => name.endsWith('.index.json'));
    if (kind === 0 && weights !== undefined) files.set(weights, moveTensor(files.get(weights) as Uint8Array, change));
    else if (kind === 1 && index !== undefined) files.set(index, renameShard(files.get(index) as Uint8Array, change));
    else {
      const depth = pick(change, [60, 70, 1000, 100_000]);
      const nested = `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
      files.set(
        pick(
          change,
          names.filter((name) => name.endsWith('.json')),
        ),
        Buffer.from(nested),
      );
    }
  });
}

/** Other offsets of one tensor, which then overlaps others, leaves a hole, or ends beyond the file. */
function moveTensor(content: Uint8Array, rng: Rng): Uint8Array {
  const end = 8 + Number(Buffer.from(content).readBigUInt64LE());
  const header = JSON.parse(Buffer.from(content.subarray(8, end)).toString()) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const entry = header[pick(rng, Object.keys(header))];
  if (entry === undefined) return content;
  const shift = pick(rng, [-4, 4, -4096, 4096, 2 ** 31, 2 ** 53, -(2 ** 53), 0.5]);
  const [from, to] = entry.data_offsets;
  entry.data_offsets = pick(rng, [
    [from + shift, to + shift],
    [from, to + shift],
    [from + shift, to],
    [to, from],
    [0, to - from],
  ]);
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, content.subarray(end)]);
}

function renameShard(content: Uint8Array, rng: Rng): Uint8Array {
  const index = JSON.parse(Buffer.from(content).toString()) as { weight_map?: Record<string, unknown> };
  if (index.weight_map === undefined) return content;
  index.weight_map[pick(rng, Object.keys(index.weight_map))] = pick(rng, SHARD_NAMES);
  return Buffer.from(JSON.stringify(index));
}

/** Damages the beginning of a file, which holds its structure. */
function mutateHead(content: Uint8Array, rng: Rng): Uint8Array {
  const head = content.subarray(0, Math.min(content.length, 4096));
  return Buffer.concat([mutateBytes(head, rng), content.subarray(head.length)]);
}
