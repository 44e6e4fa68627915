import type { Architecture, LayerArchitecture } from '../../core/model/shape.js';
import type { StreamRefit } from '../../core/ports/compensation.js';

/** What a fit on the stream does with one half of a layer. */
export interface HalfFit {
  readonly layer: number;
  readonly half: 'attention' | 'ffn';
  /** Whether o or down is fitted. */
  readonly output: boolean;
  /** Whether q, k and v, or gate and up are fitted before. */
  readonly inputs: boolean;
}

/**
 * What a fit on the stream of an architecture does, half by half in the order of the forward pass. A half that keeps
 * nothing has nothing to fit. One that lost nothing is fitted if the stream before it has changed and `refit` includes
 * it; maps into a half have nothing to make up for until then.
 */
export function listStreamFits(dense: Architecture, architecture: Architecture, refit: StreamRefit): HalfFit[] {
  let isChanged = false;
  return dense.flatMap((own, layer) =>
    (['attention', 'ffn'] as const).map((half): HalfFit => {
      const [all, kept] = [countHalf(own, half), countHalf(architecture[layer] ?? own, half)];
      const fit = {
        layer,
        half,
        output: kept > 0 && (kept < all || (isChanged && refit !== 'pruned')),
        inputs: kept > 0 && isChanged && refit === 'all',
      };
      isChanged ||= kept < all;
      return fit;
    }),
  );
}

function countHalf({ kvHeads, queryHeadsPerKv, ffnChannels }: LayerArchitecture, half: 'attention' | 'ffn'): number {
  return half === 'attention' ? kvHeads * queryHeadsPerKv : ffnChannels;
}
