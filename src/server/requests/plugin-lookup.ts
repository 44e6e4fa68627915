import type { PluginKind } from '../../core/ports/plugin.js';
import type { PredictorChooser } from '../../core/ports/predictor.js';
import type { PluginRef } from '../../gen/prunecast/v1/common.js';
import type { PluginEntry, PluginsByKind } from '../../core/ports/plugin-entry.js';

/** A plug-in as a request asked for it. */
export interface ResolvedPlugin<Kind extends PluginKind> {
  readonly id: string;
  readonly plugin: PluginsByKind[Kind];
  /** Complete: defaults filled in. What the plug-in's own methods take. */
  readonly options: unknown;
  readonly moduleUrl: URL;
}

/** The plug-ins of a server. */
export interface PluginLookup {
  /**
   * The plug-in that a request names, its options checked and complete.
   *
   * @param ref undefined, or with an empty id, for the default
   * @param field where `ref` stands in the request: `recipe.criterion`
   * @throws PrunecastError PLUGIN_NOT_FOUND, and INVALID_OPTIONS with a path per field at fault: `predictor.options.depth`
   */
  resolve<Kind extends PluginKind>(
    kind: Kind,
    ref: PluginRef | undefined,
    defaultId: string,
    field: string,
  ): ResolvedPlugin<Kind>;
  /** All plug-ins of a kind, by id. */
  all<Kind extends PluginKind>(kind: Kind): readonly PluginEntry<Kind>[];
}

/** Whether a predictor stands for the best of the others. */
export function isChooser(plugin: PluginsByKind['predictor']): plugin is PredictorChooser {
  return 'compare' in plugin;
}
