import type { Architecture } from '../../core/model/shape.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { digestOf } from '../files/digest.js';
import type { RankedWeights } from '../weights/half-blocks.js';
import type { KeyedRecipe } from '../weights/recipe.js';
import type { WeightStore } from '../weights/weight-store.js';
import {
  countTogether,
  compensateStreams,
  withStreamedMaps,
  type StreamContext,
  type StreamedMaps,
} from './compensate-streams.js';

/** The weights of recipes that compensate each architecture on its own stream. */
export interface StreamCompensation {
  isAsked(recipe: KeyedRecipe): boolean;
  /**
   * The weights of the first of these architectures: as many as are compensated together, at least one. Takes one
   * calibration pass of the dense model and of each architecture that is no longer stored.
   */
  compensate(
    recipe: KeyedRecipe,
    architectures: readonly Architecture[],
    work: WorkContext,
  ): Promise<readonly RankedWeights[]>;
}

/** @param open returns what a recipe is compensated with */
export function createStreamCompensation(
  store: WeightStore,
  open: (
    recipe: KeyedRecipe,
  ) => Promise<{ readonly context: Omit<StreamContext, 'fit' | 'refit'>; readonly sequences: readonly Int32Array[] }>,
): StreamCompensation {
  // An architecture is written tensor by tensor: its maps are kept even if the store has no room for them.
  let latest: ReadonlyMap<string, StreamedMaps> = new Map();
  return {
    isAsked: ({ compensation }) => compensation?.plugin.stream?.isAsked(compensation.options) ?? false,
    compensate: async (recipe, architectures, work) => {
      const { compensation } = recipe;
      const { stream } = compensation?.plugin ?? {};
      const gramKey = compensation?.calibration?.gramKey;
      if (compensation === undefined || stream === undefined || gramKey === undefined)
        throw new RangeError('a fit on the stream needs a calibration with need gram');
      const { context, sequences } = await open(recipe);
      const fit: StreamContext['fit'] = async (map) => stream.fit(map, compensation.options, { signal: work.signal });
      const fitted = { ...context, fit, refit: stream.refit?.(compensation.options) ?? 'pruned' };
      const keyOf = (architecture: Architecture): string => `${recipe.key}:stream:${digestOf(architecture)}`;
      const find = (key: string): StreamedMaps | undefined => latest.get(key) ?? store.find(key);

      const most = countTogether(fitted, sequences);
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
        missing.size === 0 ? [] : await compensateStreams(fitted, [...missing.values()], sequences, work);
      const fresh = new Map([...missing.keys()].map((key, index) => [key, compensated[index] ?? {}]));
      for (const [key, maps] of fresh) await store.get(key, () => Promise.resolve(maps));
      latest = new Map([...known, ...fresh]);
      return taken.map((key) => withStreamedMaps(context.weights, latest.get(key) ?? {}));
    },
  };
}
