import type { Architecture } from '../../core/model/shape.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { digestOf } from '../files/digest.js';
import type { WeightRecipe } from '../weights/recipe.js';
import type { WeightStore } from '../weights/weight-store.js';
import {
  countTogether,
  compensateStreams,
  withStreamedMaps,
  type StreamContext,
  type StreamedMaps,
} from './compensate-streams.js';
import type { RecipeWeights } from '../weights/half-blocks.js';

/** Weights of recipes that compensate each architecture on its own stream. */
export interface StreamCompensation {
  isAsked(recipe: WeightRecipe): boolean;
  /**
   * The weights of the first of these architectures, one or more: as many as are compensated together. A calibration pass of the
   * dense model and of each that is not stored any more.
   */
  compensate(
    recipe: WeightRecipe,
    architectures: readonly Architecture[],
    work: WorkContext,
  ): Promise<readonly RecipeWeights[]>;
}

/** @param open what a recipe is compensated with */
export function createStreamCompensation(
  store: WeightStore,
  open: (
    recipe: WeightRecipe,
  ) => Promise<{ readonly context: Omit<StreamContext, 'fit'>; readonly sequences: readonly Int32Array[] }>,
): StreamCompensation {
  // An architecture is written tensor by tensor: the maps in work are kept even where the store has no room for them.
  let latest: ReadonlyMap<string, StreamedMaps> = new Map();
  return {
    isAsked: ({ compensation }) => compensation?.plugin.stream?.isAsked(compensation.options) ?? false,
    compensate: async (recipe, architectures, work) => {
      const { compensation } = recipe;
      const { stream } = compensation?.plugin ?? {};
      const gramKey = compensation?.calibration?.gramKey;
      if (compensation === undefined || stream === undefined || gramKey === undefined)
        throw new RangeError('a fit on the stream needs the calibration of need gram');
      const { context, sequences } = await open(recipe);
      const fit: StreamContext['fit'] = (half) => stream.fit(half, compensation.options);
      const keyOf = (architecture: Architecture): string => `${recipe.key}:stream:${digestOf(architecture)}`;
      const find = (key: string): StreamedMaps | undefined => latest.get(key) ?? store.find(key);

      const most = countTogether(context, sequences);
      const known = new Map<string, StreamedMaps>();
      const missing = new Map<string, Architecture>();
      const taken: string[] = [];
      for (const architecture of architectures) {
        const key = keyOf(architecture);
        const maps = find(key);
        if (maps !== undefined) known.set(key, maps);
        else if (!missing.has(key) && missing.size === most) break;
        else missing.set(key, architecture);
        taken.push(key);
      }
      const compensated =
        missing.size === 0 ? [] : await compensateStreams({ ...context, fit }, [...missing.values()], sequences, work);
      const fresh = new Map([...missing.keys()].map((key, index) => [key, compensated[index] ?? {}]));
      for (const [key, maps] of fresh) await store.get(key, () => Promise.resolve(maps));
      latest = new Map([...known, ...fresh]);
      return taken.map((key) => withStreamedMaps(context.weights, latest.get(key) ?? {}));
    },
  };
}
