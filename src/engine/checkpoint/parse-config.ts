import type { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { LayerArchitecture } from '../../core/model/shape.js';
import { readFlag, readNumber, readSize, type NumberBounds } from '../config/config-fields.js';
import type { ModelConfig } from '../config/config.js';
import { MAX_POSITIONS, parseRope } from '../config/parse-rope.js';
import type { Family, RawConfig } from '../families/family.js';
import { FAMILIES, findFamilyOf } from '../families/find-family.js';
import { NEMOTRON_NAS } from '../families/nemotron-nas.js';
import { ADVISE_DEQUANTISING } from '../files/advice.js';
import { CONFIG_FILE } from '../files/file-names.js';
import { malformed, show, unsupported } from '../files/model-errors.js';
import { isRecord } from '../files/read-json.js';
import { decodeBlockConfigs } from './nemotron-nas-form.js';
import { decodePerLayer, PER_LAYER_PREFIX } from './per-layer-form.js';

/** Largest config.json that is read. Real ones have under 10 kB; the per-layer form of 1,024 layers has 90 kB. */
export const MAX_CONFIG_BYTES = 1024 * 1024;

/** Llama-3.1-405B: 126. */
export const MAX_LAYERS = 1024;

/** Llama-3.1-405B: 16,384. */
export const MAX_HIDDEN = 65_536;

/** Query heads per layer. Llama-3.1-405B: 128. */
export const MAX_HEADS = 1024;

/** 256 in Gemma, 128 in all families here. */
export const MAX_HEAD_DIM = 1024;

/** Llama-3.1-405B: 53,248. */
export const MAX_FFN_CHANNELS = 262_144;

/** Gemma: 262,144; Qwen: 152,064. */
export const MAX_VOCABULARY = 1_048_576;

/**
 * Real values go from 1e-8 to 1e-5. It must be a float32 number, and small enough that the norm still depends on its
 * input.
 */
const RMS_NORM_EPSILON: NumberBounds = { min: 1e-30, max: 1, fallback: 1e-6 };

/** Entries that exist if a block is not one dense FFN. */
const EXPERT_KEYS = ['num_experts', 'num_local_experts', 'n_routed_experts', 'moe_intermediate_size'];

/**
 * Reads config.json in all its spellings: `rope_theta` or `rope_parameters`, with or without `head_dim`,
 * `num_key_value_heads` and the bias switches, stock, in the form of Nemotron-NAS or in the per-layer form of this
 * project.
 *
 * Throws MODEL_UNSUPPORTED, which names what the engine lacks, and MODEL_MALFORMED for sizes out of bounds.
 */
export function parseConfig(config: RawConfig): ModelConfig {
  const modelType = config['model_type'];
  if (typeof modelType !== 'string') throw describeModelType(config);
  const isPerLayer = modelType.startsWith(PER_LAYER_PREFIX);
  const family = findFamilyOf(config, isPerLayer ? modelType.slice(PER_LAYER_PREFIX.length) : modelType);
  const layerCount = readSize(config, 'num_hidden_layers', { min: 1, max: MAX_LAYERS });
  refuseUnsupported(config);
  const hidden = readSize(config, 'hidden_size', { min: 1, max: MAX_HIDDEN });
  const limits = { hidden, layers: layerCount, heads: MAX_HEADS, ffnChannels: MAX_FFN_CHANNELS };
  const { layers, biases, droppedBiases } = isPerLayer
    ? decodePerLayer(config, limits)
    : {
        layers: modelType === NEMOTRON_NAS ? decodeBlockConfigs(config, limits) : readUniform(config, layerCount),
        biases: family.readBiases(config),
        droppedBiases: false,
      };
  const headDim = readHeadDim(config, family, hidden);
  const maxPositions = readSize(config, 'max_position_embeddings', {
    min: 1,
    max: MAX_POSITIONS,
    fallback: family.defaults.maxPositions,
  });
  return {
    shape: {
      family: family.id,
      hidden,
      headDim,
      vocabulary: readSize(config, 'vocab_size', { min: 1, max: MAX_VOCABULARY }),
      tiedEmbeddings: readFlag(config, 'tie_word_embeddings', { fallback: false }),
      biases,
      ...(droppedBiases ? { droppedBiases } : {}),
      queryKeyNorms: family.queryKeyNorms,
      layers,
    },
    rmsNormEpsilon: readNumber(config, 'rms_norm_eps', RMS_NORM_EPSILON),
    rope: parseRope(config, { headDim, maxPositions }),
    maxPositions,
    slidingWindows: family.readSlidingWindows(config, layerCount),
    bosTokenId: readBosToken(config),
    endTokenIds: readEndTokens(config),
  };
}

function describeModelType(config: RawConfig): PrunecastError {
  const { model_type: modelType, architectures } = config;
  const known = FAMILIES.map(({ id }) => id).join(', ');
  const given = modelType === undefined || modelType === null ? 'is missing' : `is ${show(modelType)}`;
  const own = FAMILIES.find(({ architecture }) => Array.isArray(architectures) && architectures.includes(architecture));
  return malformed(
    CONFIG_FILE,
    `model_type ${given}; it must name the family of the model: ${own === undefined ? `one of ${known}` : `"${own.id}", because architectures has ${own.architecture}`}`,
  );
}

function refuseUnsupported(config: RawConfig): void {
  const quantised = config['quantization_config'] ?? config['compression_config'];
  if (quantised !== undefined && quantised !== null) {
    const method =
      isRecord(quantised) && typeof quantised['quant_method'] === 'string'
        ? ` (${quantised['quant_method'].slice(0, 32)})`
        : '';
    throw unsupported(
      CONFIG_FILE,
      'quantization_config',
      `has a quantization_config${method}: the weights are quantised, and those read are F32, F16 and BF16; ${ADVISE_DEQUANTISING}`,
    );
  }
  const experts = EXPERT_KEYS.find((key) => typeof config[key] === 'number' && (config[key] as number) > 1);
  if (experts !== undefined)
    throw unsupported(
      CONFIG_FILE,
      'mixture of experts',
      `has ${experts} ${show(config[experts])}; a mixture of experts is not supported`,
    );
  const activation = config['hidden_act'] ?? 'silu';
  if (activation !== 'silu' && activation !== 'swish')
    throw unsupported(
      CONFIG_FILE,
      `hidden_act ${show(activation)}`,
      `hidden_act is ${show(activation)}; only silu (also called swish) is supported`,
    );
}

function readUniform(config: RawConfig, layers: number): readonly LayerArchitecture[] {
  const queryHeads = readSize(config, 'num_attention_heads', { min: 1, max: MAX_HEADS });
  const kvHeads = readSize(config, 'num_key_value_heads', { min: 1, max: queryHeads, fallback: queryHeads });
  if (queryHeads % kvHeads !== 0)
    throw malformed(
      CONFIG_FILE,
      `num_attention_heads is ${queryHeads}; it must be a multiple of num_key_value_heads, ${kvHeads}`,
    );
  const ffnChannels = readSize(config, 'intermediate_size', { min: 1, max: MAX_FFN_CHANNELS });
  const layer = { kvHeads, queryHeadsPerKv: queryHeads / kvHeads, ffnChannels };
  return Array.from({ length: layers }, () => layer);
}

/** null, a negative number and a list mean none; only end-of-sequence entries are lists. */
function readBosToken(config: RawConfig): number | undefined {
  if (Array.isArray(config['bos_token_id'])) return undefined;
  const bos = readSize(config, 'bos_token_id', { min: -1, max: Number.MAX_SAFE_INTEGER, fallback: -1 });
  return bos < 0 ? undefined : bos;
}

/** One or a list; what is no token id, such as null or -1, means none. */
function readEndTokens({ eos_token_id: given }: RawConfig): number[] {
  return (Array.isArray(given) ? given : [given]).filter(
    (token): token is number => typeof token === 'number' && Number.isInteger(token) && token >= 0,
  );
}

function readHeadDim(config: RawConfig, family: Family, hidden: number): number {
  const fallback = family.defaults.headDim ?? hidden / (config['num_attention_heads'] as number);
  const headDim = readSize(config, 'head_dim', { min: 1, max: MAX_HEAD_DIM, fallback });
  if (headDim % 2 !== 0) throw malformed(CONFIG_FILE, `head_dim is ${headDim}; rotary embeddings need an even one`);
  return headDim;
}
