import type { Architecture, LayerArchitecture } from '../../core/model/shape.js';

/** One half-block as an architecture keeps it. */
export type HalfStep =
  | { readonly half: 'attention'; readonly layer: number; readonly kvHeads: number; readonly queryHeadsPerKv: number }
  | { readonly half: 'ffn'; readonly layer: number; readonly ffnChannels: number };

/** A layer's half-block as an architecture keeps it. */
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

/** Query heads or channels that are kept. */
export function countUnits(step: HalfStep): number {
  return step.half === 'attention' ? step.kvHeads * step.queryHeadsPerKv : step.ffnChannels;
}

export function isDropped(step: HalfStep): boolean {
  return step.half === 'attention' ? step.kvHeads === 0 : step.ffnChannels === 0;
}
