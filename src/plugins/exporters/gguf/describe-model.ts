import type { PrunedModel } from '../../../core/ports/exporter.js';
import { parseConfig } from '../../../engine/checkpoint/parse-config.js';
import type { ModelConfig, RopeConfig } from '../../../engine/config/config.js';
import type { LlamaCppArchitecture } from '../../../engine/families/family.js';
import { cannotHold } from './cannot-hold.js';
import type { PlannedLayers } from './plan-layers.js';
import type { GgufTensor, GgufType, GgufValue } from './write-gguf.js';

/** Number of a file's main type (llama.h, `enum llama_ftype`). */
const FILE_TYPES: Readonly<Record<GgufType, number>> = { F32: 0, F16: 1, Q4_0: 2, Q8_0: 7, BF16: 32 };

/** The metadata of a model without those of its tokenizer (llama.cpp's src/llama-model.cpp reads them). */
export function describeModel(
  { config, shape }: Pick<PrunedModel, 'config' | 'shape'>,
  { architecture, isPerLayer, layers }: PlannedLayers,
  type: GgufType,
): Record<string, GgufValue> {
  const read = parseConfig(config);
  const perLayer = (counts: readonly number[]): GgufValue =>
    isPerLayer ? { type: 'uint32s', value: counts } : uint32(counts[0] ?? 0);
  const own: Record<string, GgufValue> = {
    vocab_size: uint32(shape.vocabulary),
    context_length: uint32(countPositions(read)),
    embedding_length: uint32(shape.hidden),
    block_count: uint32(layers.length),
    feed_forward_length: perLayer(layers.map(({ ffnChannels }) => ffnChannels)),
    'attention.head_count': perLayer(layers.map(({ kvHeads, queryHeadsPerKv }) => kvHeads * queryHeadsPerKv)),
    'attention.head_count_kv': perLayer(layers.map(({ kvHeads }) => kvHeads)),
    'attention.key_length': uint32(shape.headDim),
    'attention.value_length': uint32(shape.headDim),
    'attention.layer_norm_rms_epsilon': float32(read.rmsNormEpsilon),
    'rope.dimension_count': uint32(shape.headDim),
    'rope.freq_base': float32(read.rope.theta),
    ...describeScaling(read.rope, architecture),
  };
  return {
    'general.architecture': { type: 'string', value: architecture.name },
    'general.file_type': uint32(FILE_TYPES[type]),
    'general.quantization_version': uint32(2),
    ...Object.fromEntries(Object.entries(own).map(([key, value]) => [`${architecture.name}.${key}`, value])),
  };
}

function uint32(value: number): GgufValue {
  return { type: 'uint32', value };
}

function float32(value: number): GgufValue {
  return { type: 'float32', value };
}

/**
 * How far the file behaves as the model does: these architectures have no sliding windows, and theta does not grow with
 * the text.
 */
function countPositions({ maxPositions, slidingWindows }: ModelConfig): number {
  return Math.min(maxPositions, ...slidingWindows.map((window) => window ?? Infinity));
}

/** How the positions of long texts are scaled. Throws EXPORT_UNSUPPORTED. */
export function describeScaling(
  { scaling }: RopeConfig,
  architecture: LlamaCppArchitecture,
): Record<string, GgufValue> {
  if (scaling === undefined || scaling.kind === 'dynamic') return {}; // dynamic: only beyond the context_length stated
  if (scaling.kind === 'llama3' || scaling.kind === 'factors') {
    if (architecture.readsFrequencyFactors) return {}; // by a tensor: listFrequencyFactors
    throw cannotHold(`llama.cpp has no rope_type llama3 in the architecture ${architecture.name}`);
  }
  const factor: Record<string, GgufValue> = {
    'rope.scaling.type': { type: 'string', value: scaling.kind },
    'rope.scaling.factor': { type: 'float32', value: scaling.factor },
  };
  if (scaling.kind === 'linear') return factor;
  const { attentionFactor, ...usual } = usualYarn(scaling.factor);
  if (
    scaling.betaFast !== usual.betaFast ||
    scaling.betaSlow !== usual.betaSlow ||
    scaling.ramp !== usual.ramp ||
    Math.abs(scaling.attentionFactor - attentionFactor) > 1e-6
  )
    throw cannotHold(
      'llama.cpp computes rope_type yarn with beta_fast 32, beta_slow 1 and the usual attention_factor, and config.json has others',
    );
  return { ...factor, 'rope.scaling.original_context_length': { type: 'uint32', value: scaling.originalMaxPositions } };
}

/** What llama.cpp (src/llama-context.cpp) and the paper (arXiv 2309.00071) have by default. */
export function usualYarn(factor: number) {
  return { betaFast: 32, betaSlow: 1, ramp: 'whole', attentionFactor: 0.1 * Math.log(factor) + 1 } as const;
}

/** The tensor that has them. */
export const FREQUENCY_FACTORS = 'rope_freqs.weight';

/** What llama.cpp divides the frequency of each pair by, for Llama 3.1; none for other models. */
export function listFrequencyFactors({ config, shape }: Pick<PrunedModel, 'config' | 'shape'>): GgufTensor[] {
  const { theta, scaling } = parseConfig(config).rope;
  if (scaling?.kind !== 'llama3') return [];
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalMaxPositions } = scaling;
  const factors = Float32Array.from({ length: shape.headDim / 2 }, (_, pair) => {
    const turns = (originalMaxPositions * theta ** ((-2 * pair) / shape.headDim)) / (2 * Math.PI);
    const share = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    return 1 / ((1 - share) / factor + share);
  });
  return [
    {
      name: FREQUENCY_FACTORS,
      shape: [factors.length],
      type: 'F32',
      read: async () => new Uint8Array(factors.buffer.slice(0)),
    },
  ];
}
