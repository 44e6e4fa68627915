import type { Architecture } from '../../core/model/shape.js';
import type { WorkControl } from '../../core/ports/progress.js';
import { digestOf } from '../digest.js';
import type { RecipeWeights, WeightRecipe } from '../forward/recipe-weights.js';
import type { WeightStore } from '../forward/weight-store.js';
import { mendStream, withStreamedMaps, type StreamContext, type StreamedMaps } from './mend-stream.js';

/** Weights of recipes that mend each architecture on its own stream. */
export interface StreamMender {
  isAsked(recipe: WeightRecipe): boolean;
  /** The weights for this architecture alone. A calibration pass, unless its maps are still stored. */
  mend(recipe: WeightRecipe, architecture: Architecture, control: WorkControl): Promise<RecipeWeights>;
}

/** @param open what a recipe is mended with */
export function createStreamMender(
  store: WeightStore,
  open: (recipe: WeightRecipe) => Promise<{ readonly context: Omit<StreamContext, 'fit'>; readonly sequences: readonly Int32Array[] }>,
): StreamMender {
  // An architecture is written tensor by tensor: the maps in work are kept even where the store has no room for them.
  let latest: { readonly key: string; readonly maps: StreamedMaps } | undefined;
  return {
    isAsked: ({ compensation }) => compensation?.plugin.stream?.isAsked(compensation.options) ?? false,
    mend: async (recipe, architecture, control) => {
      const { compensation } = recipe;
      const { stream } = compensation?.plugin ?? {};
      const gramKey = compensation?.calibration?.gramKey;
      if (compensation === undefined || stream === undefined || gramKey === undefined) throw new RangeError('a fit on the stream needs the calibration of need gram');
      const { context, sequences } = await open(recipe);
      const key = `${recipe.key}:stream:${digestOf(architecture)}`;
      const fit: StreamContext['fit'] = (half) => stream.fit(half, compensation.options);
      const maps = latest?.key === key ? latest.maps : await store.get(key, () => mendStream({ ...context, fit }, architecture, sequences, control));
      latest = { key, maps };
      return withStreamedMaps(context.weights, maps);
    },
  };
}
