import type { BlockBiases, LayerArchitecture, ModelShape } from '../../core/model/shape.js';
import { readSize } from '../config/config-fields.js';
import { CONFIG_FILE } from '../files/file-names.js';
import { malformed, show } from '../files/model-errors.js';
import { isRecord } from '../files/read-json.js';

/*
 * The per-layer form: how a checkpoint whose layers differ is written, since no stock model_type can describe it. Its
 * config.json has `model_type: "prunecast_<family>"`, all entries of the family except those for layer sizes, and
 *
 *   "prunecast": {
 *     "layers": [{"kv_heads": 4, "query_heads_per_kv": 2, "ffn_channels": 130}, ...],
 *     "biases": {"query_key_value": false, "attention_output": false, "ffn": false, "dropped": false}
 *   }
 *
 * Tensors have their family's names and each layer's own sizes. A half-block with 0 has no tensors, not even its norm.
 * With `biases.dropped` (false if omitted) each dropped half-block has the bias of its o or down, a constant that it
 * adds.
 */

/** The part before the family in `model_type`. */
export const PER_LAYER_PREFIX = 'prunecast_';

/** The entry of config.json that holds the layers. */
export const PER_LAYER_KEY = 'prunecast';

/** The layers of a shape in the form of config.json. */
export function encodePerLayer(shape: ModelShape): Record<string, unknown> {
  return {
    layers: shape.layers.map((layer) => ({
      kv_heads: layer.kvHeads,
      query_heads_per_kv: layer.queryHeadsPerKv,
      ffn_channels: layer.ffnChannels,
    })),
    biases: {
      query_key_value: shape.biases.queryKeyValue,
      attention_output: shape.biases.attentionOutput,
      ffn: shape.biases.ffn,
      dropped: shape.droppedBiases === true,
    },
  };
}

/** Reads what `encodePerLayer` writes, from an untrusted file. Throws MODEL_MALFORMED. */
export function decodePerLayer(
  config: Readonly<Record<string, unknown>>,
  limits: { readonly layers: number; readonly heads: number; readonly ffnChannels: number },
): { readonly layers: readonly LayerArchitecture[]; readonly biases: BlockBiases; readonly droppedBiases: boolean } {
  const entry = config[PER_LAYER_KEY];
  if (!isRecord(entry)) throw malformed(CONFIG_FILE, `${PER_LAYER_KEY} must be an object, not ${show(entry)}`);
  const list = entry['layers'];
  if (!Array.isArray(list) || list.length !== limits.layers) {
    throw malformed(
      CONFIG_FILE,
      `${PER_LAYER_KEY}.layers must have one entry for each of num_hidden_layers, ${limits.layers}, not ${Array.isArray(list) ? list.length : show(list)}`,
    );
  }
  const layers = list.map((value: unknown, index): LayerArchitecture => {
    const path = `${PER_LAYER_KEY}.layers[${index}].`;
    if (!isRecord(value)) throw malformed(CONFIG_FILE, `${path.slice(0, -1)} must be an object, not ${show(value)}`);
    const kvHeads = readSize(value, 'kv_heads', { min: 0, max: limits.heads }, path);
    return {
      kvHeads,
      queryHeadsPerKv: readSize(
        value,
        'query_heads_per_kv',
        kvHeads === 0 ? { min: 0, max: 0 } : { min: 1, max: Math.floor(limits.heads / kvHeads) },
        path,
      ),
      ffnChannels: readSize(value, 'ffn_channels', { min: 0, max: limits.ffnChannels }, path),
    };
  });
  return { layers, ...decodeBiases(entry['biases']) };
}

function decodeBiases(value: unknown): { biases: BlockBiases; droppedBiases: boolean } {
  const path = `${PER_LAYER_KEY}.biases`;
  if (!isRecord(value)) throw malformed(CONFIG_FILE, `${path} must be an object, not ${show(value)}`);
  const read = (key: string): boolean => {
    const flag = value[key];
    if (typeof flag !== 'boolean')
      throw malformed(CONFIG_FILE, `${path}.${key} is ${show(flag)}; true and false are allowed`);
    return flag;
  };
  return {
    biases: { queryKeyValue: read('query_key_value'), attentionOutput: read('attention_output'), ffn: read('ffn') },
    droppedBiases: value['dropped'] === undefined ? false : read('dropped'),
  };
}
