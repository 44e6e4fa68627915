import type { LayerArchitecture, ModelShape } from '../../core/model/shape.js';
import { readFlag, readNumber, readSize } from '../config/config-fields.js';
import { CONFIG_FILE } from '../files/file-names.js';
import { malformed, show, unsupported } from '../files/model-errors.js';
import { isRecord } from '../files/read-json.js';

/*
 * The form of Nemotron-NAS checkpoints (nvidia/Llama-3_3-Nemotron-Super-49B-v1: configuration_decilm.py and
 * modeling_decilm.py), a Llama whose layers differ, which vLLM runs (vllm/model_executor/models/nemotron_nas.py).
 * config.json has `model_type: "nemotron-nas"`, all entries of a Llama, and for each layer
 *
 *   "block_configs": [{"attention": {"n_heads_in_group": 4, "no_op": false, ...}, "ffn": {"ffn_mult": 5.25, "no_op": false, ...}}, ...]
 *
 * A layer with attention has all num_attention_heads query heads, of which n_heads_in_group share a key-value head. The
 * width of an FFN is 2/3 ffn_mult hidden_size, rounded up to a multiple of 256. A half that is a no_op has no tensors,
 * not even its norm. vLLM reads besides a `qkv_bias`, which is that of q, k and v where it differs from that of o.
 */

/** What the width of every FFN is a multiple of. */
export const FFN_MULTIPLE = 256;

/** The layers of a shape in the form of config.json, with every entry that nvidia's own checkpoints have. */
export function encodeBlockConfigs({ hidden, layers }: Pick<ModelShape, 'hidden' | 'layers'>): readonly unknown[] {
  return layers.map(({ kvHeads, queryHeadsPerKv, ffnChannels }) => ({
    attention: {
      n_heads_in_group: kvHeads === 0 ? null : queryHeadsPerKv,
      no_op: kvHeads === 0,
      num_sink_tokens: null,
      replace_with_linear: false,
      sparsify: null,
      unshifted_sink: false,
      use_prefill_window_in_sink_attention: false,
      window_length: null,
    },
    ffn: {
      ffn_mult: ffnChannels === 0 ? null : findMultiplier(ffnChannels, hidden),
      no_op: ffnChannels === 0,
      replace_with_linear: false,
      sparsify: null,
    },
  }));
}

/**
 * Six decimals, which is what mlx-lm keeps, move the width by at most 0.03 at a hidden size of 65,536: what is cut off
 * to a whole number is the width itself or one less, and the latter is rounded up again.
 */
function findMultiplier(ffnChannels: number, hidden: number): number {
  return Math.round((1e6 * 3 * ffnChannels) / (2 * hidden)) / 1e6;
}

function findWidth(multiplier: number, hidden: number): number {
  return Math.ceil(Math.trunc((2 * multiplier * hidden) / 3) / FFN_MULTIPLE) * FFN_MULTIPLE;
}

/**
 * Reads block_configs of an untrusted file. Throws MODEL_UNSUPPORTED for halves that are neither whole nor left out,
 * and MODEL_MALFORMED.
 */
export function decodeBlockConfigs(
  config: Readonly<Record<string, unknown>>,
  limits: {
    readonly hidden: number;
    readonly layers: number;
    readonly heads: number;
    readonly ffnChannels: number;
  },
): readonly LayerArchitecture[] {
  const queryHeads = readSize(config, 'num_attention_heads', { min: 1, max: limits.heads });
  const list = config['block_configs'];
  if (!Array.isArray(list) || list.length !== limits.layers)
    throw malformed(
      CONFIG_FILE,
      `block_configs must have one entry for each of num_hidden_layers, ${limits.layers}, not ${Array.isArray(list) ? list.length : show(list)}`,
    );
  return list.map((value: unknown, layer): LayerArchitecture => {
    const attention = readHalf(value, layer, 'attention');
    const ffn = readHalf(value, layer, 'ffn');
    const perKv =
      attention === undefined
        ? 0
        : readSize(attention.entries, 'n_heads_in_group', { min: 1, max: queryHeads }, attention.path);
    if (attention !== undefined && queryHeads % perKv !== 0)
      throw malformed(
        CONFIG_FILE,
        `${attention.path}n_heads_in_group is ${perKv}; it must divide num_attention_heads, ${queryHeads}`,
      );
    return {
      kvHeads: perKv === 0 ? 0 : queryHeads / perKv,
      queryHeadsPerKv: perKv,
      ffnChannels: ffn === undefined ? 0 : readWidth(ffn, limits),
    };
  });
}

interface Half {
  readonly entries: Readonly<Record<string, unknown>>;
  /** `block_configs[3].ffn.` */
  readonly path: string;
}

/** Half of a layer; undefined: a no_op. */
function readHalf(block: unknown, layer: number, name: 'attention' | 'ffn'): Half | undefined {
  const path = `block_configs[${layer}].${name}`;
  const entries = isRecord(block) ? block[name] : undefined;
  if (!isRecord(entries)) throw malformed(CONFIG_FILE, `${path} must be an object, not ${show(entries)}`);
  const half = { entries, path: `${path}.` };
  if (readFlag(entries, 'no_op', { fallback: false, path: half.path })) return undefined;
  if (readFlag(entries, 'replace_with_linear', { fallback: false, path: half.path }))
    throw unsupported(
      CONFIG_FILE,
      'replace_with_linear',
      `${half.path}replace_with_linear is true; a linear map in the place of a half is not supported`,
    );
  const odd = ['window_length', 'num_sink_tokens'].find((key) => typeof entries[key] === 'number');
  if (odd !== undefined)
    throw unsupported(
      CONFIG_FILE,
      odd,
      `${half.path}${odd} is ${show(entries[odd])}; attention to all tokens before is supported`,
    );
  return half;
}

function readWidth(
  { entries, path }: Half,
  { hidden, ffnChannels: max }: { hidden: number; ffnChannels: number },
): number {
  const multiplier = readNumber(entries, 'ffn_mult', { min: 3 / (2 * hidden), max: (3 * max) / (2 * hidden) }, path);
  return findWidth(multiplier, hidden);
}
