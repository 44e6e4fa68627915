import type { ReadyHalf } from './half-blocks.js';
import type { AttentionWeights, FfnWeights } from './layer-weights.js';

/** The linear maps of a block: those out of it are output and down, all others lead into it. */
export type MapPart = 'query' | 'key' | 'value' | 'output' | 'gate' | 'up' | 'down';

/** The maps into each half-block, which have the same inputs: the normalised residual stream. */
export const INPUT_PARTS = {
  attention: ['query', 'key', 'value'],
  ffn: ['gate', 'up'],
} as const satisfies Record<'attention' | 'ffn', readonly MapPart[]>;

/** The map out of each half-block. */
export const OUTPUT_PART = { attention: 'output', ffn: 'down' } as const satisfies Record<'attention' | 'ffn', MapPart>;

/** A half-block that has kept units. */
export type KeptHalf = Extract<ReadyHalf, { kind: 'attention' | 'ffn' }>;

export function isKept(half: ReadyHalf): half is KeptHalf {
  return half.kind === 'attention' || half.kind === 'ffn';
}

/** Which half-block a map belongs to. */
export function halfOf(part: MapPart): 'attention' | 'ffn' {
  return part === 'gate' || part === 'up' || part === 'down' ? 'ffn' : 'attention';
}

/** A map of a half-block, its outputs (of an output map, its inputs) in ranked order: [units' rows, hidden]. */
export function readMap({ weights }: KeptHalf, part: MapPart): Float32Array {
  const map = (weights as Partial<Record<MapPart, Float32Array>>)[part];
  if (map === undefined) throw new RangeError(`this half-block has no ${part}`);
  return map;
}

/** The map out of a half-block, with its bias. */
export function outputOf(half: KeptHalf): {
  readonly weights: Float32Array;
  readonly bias: Float32Array | undefined;
} {
  return half.kind === 'attention'
    ? { weights: half.weights.output, bias: half.weights.outputBias }
    : { weights: half.weights.down, bias: half.weights.downBias };
}

/** The same half-block with these maps in place of its own. */
export function replaceMaps(half: KeptHalf, maps: Readonly<Partial<Record<MapPart, Float32Array>>>): KeptHalf {
  return half.kind === 'attention'
    ? { ...half, weights: { ...half.weights, ...(maps as Partial<AttentionWeights>) } }
    : { ...half, weights: { ...half.weights, ...(maps as Partial<FfnWeights>) } };
}
