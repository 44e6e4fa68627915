import type { Precision } from '../../core/measurement.js';
import type { Architecture } from '../../core/model/shape.js';
import { identityRanking } from '../../core/model/units.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { createFitBreathing } from '../compensation/breathing.js';
import { createStreamCompensation } from '../compensation/stream-compensation.js';
import { openReplacedHalves } from '../recovery/trained-halves.js';
import type { HalfBlocks, RankedWeights } from '../weights/half-blocks.js';
import { createInt8Weights } from '../weights/int8-weights.js';
import type { WeightSource } from '../weights/layer-weights.js';
import { createRankedWeights } from '../weights/ranked-weights.js';
import type { KeyedRecipe } from '../weights/recipe.js';
import { withReplacedHalves } from '../weights/replaced-halves.js';
import type { Calibrator } from './calibrator.js';
import type { ModelMemory } from './model-memory.js';
import type { Workload } from './plan-memory.js';

/** The weights that a recipe is evaluated and written with. */
export interface WeightsProvider {
  /** The model's own weights, units in their own order. */
  own(): RankedWeights;
  /**
   * Those for one architecture. They are the same for all architectures, unless the recipe is compensated on the
   * stream.
   */
  provide(recipe: KeyedRecipe, architecture: Architecture, work: WorkContext): Promise<RankedWeights>;
  /** Whether the recipe compensates each architecture on its own stream. */
  isOnStream(recipe: KeyedRecipe): boolean;
  /** Those of the first of these architectures, each on its own stream: as many as are compensated together. */
  provideOnStreams(
    recipe: KeyedRecipe,
    architectures: readonly Architecture[],
    work: WorkContext,
  ): Promise<readonly RankedWeights[]>;
  /** @param compensationKey names the compensated maps; empty unless they belong to one architecture */
  inPrecision(weights: RankedWeights, precision: Precision, compensationKey?: string): HalfBlocks;
}

export function createWeightsProvider(
  source: WeightSource,
  memory: ModelMemory,
  calibrator: Calibrator,
): WeightsProvider {
  const { shape, rmsNormEpsilon } = source.config;
  const { store, multiplyTransposed, scratchDirectory } = memory;
  const { grams } = memory;
  const weightsOf = (recipe: Omit<KeyedRecipe, 'compensation'>): RankedWeights =>
    createRankedWeights(source, store, recipe);
  const compensatedOf = (recipe: KeyedRecipe, work: WorkContext): RankedWeights =>
    createRankedWeights(source, store, recipe, {
      grams,
      multiplyTransposed,
      breathe: createFitBreathing(work),
      signal: work.signal,
    });
  const streams = createStreamCompensation(store, async (recipe) => {
    const sequences = recipe.compensation?.calibration?.gramSequences ?? [];
    const weights = weightsOf({ key: recipe.key, ranking: recipe.ranking });
    const { storeBytes, ...call } = await memory.startCall(sequences, { needs: ['gram'], fit: 'stream' });
    return {
      sequences,
      context: {
        ...call,
        shape,
        rmsNormEpsilon,
        weights,
        multiplyTransposed,
        scratchDirectory,
        mapBytes: storeBytes,
      },
    };
  });

  return {
    own: () => weightsOf({ key: 'own', ranking: identityRanking(shape.layers) }),
    provide: async (recipe, architecture, work) => {
      if (recipe.trained !== undefined) {
        const { path, key } = recipe.trained;
        return withReplacedHalves(compensatedOf(recipe, work), openReplacedHalves(path, key, store));
      }
      if (streams.isAsked(recipe))
        return (await streams.compensate(recipe, [architecture], work))[0] ?? compensatedOf(recipe, work);
      await calibrator.restoreGrams(recipe.compensation?.calibration, work);
      return compensatedOf(recipe, work);
    },
    isOnStream: (recipe) => recipe.trained === undefined && streams.isAsked(recipe),
    provideOnStreams: streams.compensate,
    inPrecision: (weights, precision, compensationKey = '') =>
      precision === 'int8'
        ? createInt8Weights(weights, store, { hidden: shape.hidden, headDim: shape.headDim, compensationKey })
        : weights,
  };
}

/** What a recipe's compensation needs beside an evaluation. */
export function describeWorkload({ compensation }: KeyedRecipe): Pick<Workload, 'preparing'> {
  const preparing = compensation?.plugin.preparingBytes?.bind(compensation.plugin);
  return preparing === undefined ? {} : { preparing };
}
