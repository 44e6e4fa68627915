import { FIRST_VERSION, type PluginKind } from '../../core/ports/plugin.js';
import { plainMetric } from '../../core/metric.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Predictor, PredictorChooser } from '../../core/ports/predictor.js';
import type { PluginRef } from '../../gen/prunecast/v1/common.js';
import type { Plugin, PluginEntry, PluginsByKind } from '../../core/ports/plugin-entry.js';
import type { MetricDefinition } from '../../core/metric.js';

/** A plug-in as a request names it. */
export interface ResolvedPlugin<Kind extends PluginKind> {
  readonly id: string;
  readonly plugin: PluginsByKind[Kind];
  /** Complete: with defaults filled in, as the plug-in's methods take them. */
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
   * @throws PrunecastError PLUGIN_NOT_FOUND, and INVALID_OPTIONS with a path per field at fault:
   * `predictor.options.depth`
   */
  resolve<Kind extends PluginKind>(
    kind: Kind,
    ref: PluginRef | undefined,
    defaultId: string,
    field: string,
  ): ResolvedPlugin<Kind>;
  /** All plug-ins of a kind, by id. */
  all<Kind extends PluginKind>(kind: Kind): readonly PluginEntry<Kind>[];
  /** JSON Schema of the options that a caller may send to a plug-in of `all`. */
  schemaOf(plugin: Plugin): Readonly<Record<string, unknown>>;
}

/** What tells the results of a plug-in from those of others. The first version is not named: it had no name. */
export function identifyPlugin<Kind extends PluginKind>({
  plugin,
  options,
}: Pick<ResolvedPlugin<Kind>, 'plugin' | 'options'>) {
  const { id, version = FIRST_VERSION } = plugin;
  return { id, options: plugin.namedOptions?.(options) ?? options, ...(version === FIRST_VERSION ? {} : { version }) };
}

/** Whether it chooses among other predictors. */
export function isChooser(plugin: PluginsByKind['predictor']): plugin is PredictorChooser {
  return 'compare' in plugin;
}

/** A predictor to be fitted, as a request names it. */
export interface FittedPlugin extends ResolvedPlugin<'predictor'> {
  readonly plugin: Predictor;
}

/**
 * The predictors among which one chooses, with their default options: those that its options name, or all that need
 * none. None for a predictor that is fitted itself. Throws PLUGIN_NOT_FOUND, INVALID_OPTIONS.
 */
export function listCompared(
  plugins: PluginLookup,
  { plugin: chooser, options }: Pick<ResolvedPlugin<'predictor'>, 'plugin' | 'options'>,
): FittedPlugin[] {
  if (!isChooser(chooser)) return [];
  const { among } = chooser.compare(options);
  const ids =
    among.length > 0
      ? among
      : plugins
          .all('predictor')
          .filter(({ plugin }) => !isChooser(plugin) && plugin.options.safeParse({}).success)
          .map(({ plugin }) => plugin.id);
  return ids.map((id, index) => {
    const field = `predictor.options.among[${index}]`;
    const { plugin, ...resolved } = plugins.resolve('predictor', { id, options: undefined }, id, field);
    if (isChooser(plugin))
      throw PrunecastError.ofField(
        field,
        `is "${id}", which chooses itself: name predictors that are fitted`,
        'INVALID_OPTIONS',
      );
    return { ...resolved, plugin };
  });
}

/**
 * The definition of a metric by its evaluator, of `mmlu.accuracy` that of `accuracy`; an unknown metric counts as lower
 * is better. It keeps its name.
 */
export function findMetric(plugins: PluginLookup, name: string): MetricDefinition {
  const known = plugins
    .all('evaluator')
    .flatMap(({ plugin }) => plugin.metrics)
    .find((metric) => metric.name === plainMetric(name));
  return { better: 'lower', scale: 'linear', summary: '', ...known, name };
}
