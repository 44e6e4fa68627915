import { nameHalf } from '../calibration/gram-store.js';
import { countUnits, type HalfStep, type RankedWeights, type ReadyHalf } from './half-blocks.js';

/** The half-blocks of one architecture with weights of their own. */
export interface ReplacedHalves {
  /** Distinguishes them in the store. */
  readonly key: string;
  /** undefined: it is as the recipe has it. */
  find(name: string): Promise<ReadyHalf | undefined>;
}

/** The weights of a recipe with some half-blocks of one architecture replaced as a whole. */
export function withReplacedHalves(weights: RankedWeights, replaced: ReplacedHalves): RankedWeights {
  const find = async (step: HalfStep): Promise<ReadyHalf | undefined> => {
    const half = await replaced.find(nameHalf(step));
    if (half !== undefined && countReady(half) !== countUnits(step))
      throw new RangeError(
        `${step.half} of layer ${step.layer} with ${countUnits(step)} units was replaced for an architecture that keeps ${countReady(half)}`,
      );
    return half;
  };
  return {
    ...weights,
    prepare: async (step) => (await find(step)) ?? weights.prepare(step),
    whole: async (step) => {
      const half = await find(step);
      const name = `${replaced.key}:${nameHalf(step)}`;
      if (half?.kind === 'attention') return { kind: 'attention', name, weights: half.weights };
      return half?.kind === 'ffn' ? { kind: 'ffn', name, weights: half.weights } : weights.whole(step);
    },
  };
}

function countReady(half: ReadyHalf): number {
  if (half.kind === 'attention') return half.queryHeads;
  return half.kind === 'ffn' ? half.channels : 0;
}
