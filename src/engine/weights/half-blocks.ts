import type { Architecture, LayerArchitecture } from '../../core/model/shape.js';
import type { QuantisedMatrix } from '../quantisation/quantised-matrix.js';
import type { AttentionWeights, FfnWeights } from './layer-weights.js';

/** One half-block as an architecture keeps it. */
export type HalfStep =
  | { readonly half: 'attention'; readonly layer: number; readonly kvHeads: number; readonly queryHeadsPerKv: number }
  | { readonly half: 'ffn'; readonly layer: number; readonly ffnChannels: number };

/** The half-block of a layer that has this architecture. */
export function stepOf(
  half: HalfStep['half'],
  layer: number,
  { kvHeads, queryHeadsPerKv, ffnChannels }: LayerArchitecture,
): HalfStep {
  return half === 'attention' ? { half, layer, kvHeads, queryHeadsPerKv } : { half, layer, ffnChannels };
}

/** All half-blocks of an architecture, in the order of the forward pass. */
export function listSteps(architecture: Architecture): HalfStep[] {
  return architecture.flatMap(({ kvHeads, queryHeadsPerKv, ffnChannels }, layer): HalfStep[] => [
    { half: 'attention', layer, kvHeads, queryHeadsPerKv },
    { half: 'ffn', layer, ffnChannels },
  ]);
}

/** Number of kept query heads or channels. */
export function countUnits(step: HalfStep): number {
  return step.half === 'attention' ? step.kvHeads * step.queryHeadsPerKv : step.ffnChannels;
}

export function isDropped(step: HalfStep): boolean {
  return step.half === 'attention' ? step.kvHeads === 0 : step.ffnChannels === 0;
}

/** A half-block as an architecture keeps it, ready to run: views of the sorted weights, nothing copied. */
export type ReadyHalf<Matrix = Float32Array> =
  | {
      readonly kind: 'attention';
      readonly weights: AttentionWeights<Matrix>;
      readonly queryHeads: number;
      readonly kvHeads: number;
      /** undefined: none */
      readonly slidingWindow: number | undefined;
    }
  | { readonly kind: 'ffn'; readonly weights: FfnWeights<Matrix>; readonly channels: number }
  /** A dropped half-block that leaves a constant behind. */
  | { readonly kind: 'bias'; readonly bias: Float32Array }
  | { readonly kind: 'nothing' };

/** Half-blocks to run, in either precision. */
export interface HalfBlocks {
  /** Whether a dropped half-block may leave a constant behind. */
  readonly keepsDropped: boolean;
  prepare(step: HalfStep): Promise<ReadyHalf | ReadyHalf<QuantisedMatrix>>;
}

/** A model's half-blocks under one recipe. */
export interface RankedWeights extends HalfBlocks {
  prepare(step: HalfStep): Promise<ReadyHalf>;
  /**
   * The sorted weights of which those of `step` are a prefix, with a name of their own in the store; undefined if the
   * model does not have the half-block.
   */
  whole(step: HalfStep): Promise<WholeHalf | undefined>;
  /**
   * The calibration error of each width of a half-block's output map, from 0 kept rows to all; undefined if the
   * compensation does not know it or the model does not have the half-block.
   */
  errors(layer: number, half: 'attention' | 'ffn'): Promise<((width: number) => number) | undefined>;
}

/** All weights of a half-block, in the order of a recipe. */
export type WholeHalf =
  | { readonly kind: 'attention'; readonly name: string; readonly weights: AttentionWeights }
  | { readonly kind: 'ffn'; readonly name: string; readonly weights: FfnWeights };
