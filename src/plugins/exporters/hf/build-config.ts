import type { PrunedModel } from '../../../core/ports/exporter.js';
import { parseConfig } from '../../../engine/checkpoint/parse-config.js';
import { encodeBlockConfigs } from '../../../engine/checkpoint/nemotron-nas-form.js';
import { encodePerLayer, PER_LAYER_KEY, PER_LAYER_PREFIX } from '../../../engine/checkpoint/per-layer-form.js';
import { isRecord } from '../../../engine/files/read-json.js';
import { findFamily } from '../../../engine/families/find-family.js';
import { NEMOTRON_NAS } from '../../../engine/families/nemotron-nas.js';
import type { StockForm } from '../../../engine/families/family.js';
import { DECILM_CLASSES, MODELLING_FILE, namePerLayerClasses } from './modelling-file.js';

/** Entries of a source whose layers differ that a new export writes anew. */
const STATED_AFRESH = new Set([PER_LAYER_KEY, 'block_configs', 'qkv_bias', 'auto_map', '_name_or_path']);

const NO_TOKENS = { bos_token_id: null, eos_token_id: null, pad_token_id: null };

/** Entries that vLLM would look for windows in. */
const WINDOW_ENTRIES = ['sliding_window', 'use_sliding_window', 'max_window_layers', 'layer_types'];

/**
 * config.json of a model whose layers have one shape: the source's own, with the kept counts and an explicit head_dim.
 */
export function buildStockConfig({ config, shape }: PrunedModel, stock: StockForm): Record<string, unknown> {
  const [layer] = shape.layers;
  const tokenizer = findTokenizer(config);
  if (layer === undefined) throw new RangeError('a model without layers has no stock form');
  return {
    ...keepEntries(config),
    ...(tokenizer === undefined ? {} : { auto_map: { AutoTokenizer: tokenizer } }),
    architectures: [stock.architecture],
    model_type: stock.modelType,
    num_attention_heads: layer.kvHeads * layer.queryHeadsPerKv,
    num_key_value_heads: layer.kvHeads,
    intermediate_size: layer.ffnChannels,
    head_dim: shape.headDim,
    ...stock.entries,
  };
}

/**
 * config.json of the per-layer form (src/engine/checkpoint/per-layer-form.ts). The counts of the source stay where they
 * are, for code that reads them before the modelling file does; only the entry `prunecast` is used.
 */
export function buildPerLayerConfig({ config, shape }: PrunedModel): Record<string, unknown> {
  const classes = namePerLayerClasses(findFamily(shape.family).modelling);
  return {
    ...keepEntries(config),
    ...nameClasses(config, classes),
    model_type: `${PER_LAYER_PREFIX}${shape.family}`,
    head_dim: shape.headDim,
    [PER_LAYER_KEY]: encodePerLayer(shape),
  };
}

/**
 * config.json of the form of Nemotron-NAS (src/engine/checkpoint/nemotron-nas-form.ts), for a model without windows.
 * The counts of one layer stand where a Llama has those of all: those of the first attention, and the widest FFN.
 */
export function buildDecilmConfig({ config, shape }: PrunedModel): Record<string, unknown> {
  const attention = shape.layers.find(({ kvHeads }) => kvHeads > 0);
  const kvHeads = attention?.kvHeads ?? 1;
  const { maxPositions, rmsNormEpsilon } = parseConfig(config);
  return {
    ...NO_TOKENS,
    ...keepEntries(config, WINDOW_ENTRIES),
    ...nameClasses(config, DECILM_CLASSES),
    model_type: NEMOTRON_NAS,
    num_attention_heads: kvHeads * (attention?.queryHeadsPerKv ?? 1),
    num_key_value_heads: kvHeads,
    intermediate_size: Math.max(1, ...shape.layers.map(({ ffnChannels }) => ffnChannels)),
    head_dim: shape.headDim,
    // The source may leave these to its family's defaults, which are not those of the class here.
    max_position_embeddings: maxPositions,
    rms_norm_eps: rmsNormEpsilon,
    attention_bias: shape.biases.attentionOutput,
    qkv_bias: shape.biases.queryKeyValue,
    mlp_bias: shape.biases.ffn,
    block_configs: encodeBlockConfigs(shape),
  };
}

/** The classes of the modelling file that transformers loads. */
function nameClasses(
  config: PrunedModel['config'],
  classes: { readonly config: string; readonly model: string },
): Record<string, unknown> {
  const module = MODELLING_FILE.replace(/\.py$/, '');
  const tokenizer = findTokenizer(config);
  return {
    architectures: [classes.model],
    auto_map: {
      AutoConfig: `${module}.${classes.config}`,
      AutoModelForCausalLM: `${module}.${classes.model}`,
      ...(tokenizer === undefined ? {} : { AutoTokenizer: tokenizer }),
    },
  };
}

/** The tokenizer's own class is kept, as its code is copied too; those of the model are not. */
function findTokenizer(config: Readonly<Record<string, unknown>>): unknown {
  const map = config['auto_map'];
  return isRecord(map) ? map['AutoTokenizer'] : undefined;
}

function keepEntries(
  config: Readonly<Record<string, unknown>>,
  dropped: readonly string[] = [],
): Record<string, unknown> {
  const kept = Object.entries(config).filter(([key]) => !STATED_AFRESH.has(key) && !dropped.includes(key));
  return { ...Object.fromEntries(kept), ...spellRotary(config) };
}

/**
 * The older entries for what `rope_parameters` says: transformers before 5 does not read those, and would take the
 * rotary embeddings of another model without a word.
 */
function spellRotary({
  rope_parameters: parameters,
  rope_theta: theta,
  rope_scaling: scaling,
}: PrunedModel['config']): Record<string, unknown> {
  if (!isRecord(parameters) || theta !== undefined || scaling !== undefined) return {};
  const { rope_theta: base, ...rest } = parameters;
  return {
    ...(typeof base === 'number' ? { rope_theta: base } : {}),
    ...(rest['rope_type'] === undefined || rest['rope_type'] === 'default' ? {} : { rope_scaling: rest }),
  };
}
