import type { PrunedModel } from '../../../core/ports/exporter.js';
import { encodePerLayer, PER_LAYER_KEY, PER_LAYER_PREFIX } from '../../../engine/checkpoint/per-layer-form.js';
import { isRecord } from '../../../engine/files/read-json.js';
import { findFamily } from '../../../engine/families/find-family.js';
import type { StockForm } from '../../../engine/families/family.js';
import { MODELLING_FILE, namePerLayerClasses } from './modelling-file.js';

/** Entries of a source in the per-layer form that a new export writes anew. */
const STATED_AFRESH = new Set([PER_LAYER_KEY, 'auto_map', '_name_or_path']);

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
  const module = MODELLING_FILE.replace(/\.py$/, '');
  const tokenizer = findTokenizer(config);
  return {
    ...keepEntries(config),
    architectures: [classes.model],
    model_type: `${PER_LAYER_PREFIX}${shape.family}`,
    auto_map: {
      AutoConfig: `${module}.${classes.config}`,
      AutoModelForCausalLM: `${module}.${classes.model}`,
      ...(tokenizer === undefined ? {} : { AutoTokenizer: tokenizer }),
    },
    head_dim: shape.headDim,
    [PER_LAYER_KEY]: encodePerLayer(shape),
  };
}

/** The tokenizer's own class is kept, as its code is copied too; those of the model are not. */
function findTokenizer(config: Readonly<Record<string, unknown>>): unknown {
  const map = config['auto_map'];
  return isRecord(map) ? map['AutoTokenizer'] : undefined;
}

function keepEntries(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !STATED_AFRESH.has(key)));
}
