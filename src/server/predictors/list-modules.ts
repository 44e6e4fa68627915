import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { PredictorComparison } from '../../core/ports/predictor.js';
import { isChooser, type PluginLookup } from '../requests/plugin-lookup.js';
import { describeModule, type PredictorModule } from './predictor-host.js';

/** Those among which a choice is made, with their defaults. Throws PLUGIN_NOT_FOUND, INVALID_OPTIONS. */
export function listModules(plugins: PluginLookup, { among }: PredictorComparison): PredictorModule[] {
  const ids =
    among.length > 0
      ? among
      : plugins
          .all('predictor')
          .filter(({ plugin }) => !isChooser(plugin) && plugin.options.safeParse({}).success)
          .map(({ plugin }) => plugin.id);
  return ids.map((id, index) => {
    const { plugin, options, moduleUrl } = plugins.resolve(
      'predictor',
      { id, options: undefined },
      id,
      `predictor.options.among[${index}]`,
    );
    if (isChooser(plugin))
      throw PrunecastError.ofField(
        `predictor.options.among[${index}]`,
        `is "${id}", which chooses itself: name predictors that are fitted`,
        'INVALID_OPTIONS',
      );
    return describeModule(plugin, { moduleUrl, options });
  });
}
