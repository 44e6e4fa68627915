import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Architecture, ModelShape } from '../../core/model/shape.js';
import type { ExportSupport } from '../../core/ports/exporter.js';
import type { LoadRow } from '../../gen/prunecast/v1/model.js';
import type { PluginsByKind } from '../../core/ports/plugin-entry.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';

/**
 * One row per compensation, exporter and kind of shape, with the exporter's default options. If an exporter has no
 * defaults, its rows say so.
 */
export function listLoads(shape: ModelShape, plugins: PluginLookup): LoadRow[] {
  return plugins.all('compensation').flatMap(({ plugin: compensation }) =>
    plugins.all('exporter').flatMap(({ plugin: { id } }) =>
      [true, false].map((uniform) => {
        const supported = askExporter(plugins, id, (exporter, options) =>
          exporter.supports(
            shape,
            uniform ? shape.layers : makeUneven(shape.layers),
            compensation.addsBias ? 'added' : 'none',
            options,
          ),
        );
        return {
          compensation: compensation.id,
          exporter: id,
          uniform,
          loadsIn: supported.ok ? [...supported.loadsIn] : [],
          note: supported.ok ? '' : supported.reason,
        };
      }),
    ),
  );
}

function askExporter(
  plugins: PluginLookup,
  id: string,
  ask: (exporter: PluginsByKind['exporter'], options: unknown) => ExportSupport,
): ExportSupport {
  try {
    const { plugin, options } = plugins.resolve('exporter', { id, options: undefined }, id, 'exporter');
    return ask(plugin, options);
  } catch (error) {
    if (!(error instanceof PrunecastError) || error.reason !== 'INVALID_OPTIONS') throw error;
    return {
      ok: false,
      reason: `depends on its options, which have no default: ${error.violations.map(({ field, description }) => `${field}: ${description}`).join('; ')}`,
    };
  }
}

/** An architecture whose layers differ, to ask what loads such shapes: the first layer loses half of its channels. */
function makeUneven(architecture: Architecture): Architecture {
  return architecture.map((layer, index) =>
    index === 0 ? { ...layer, ffnChannels: Math.max(1, layer.ffnChannels >> 1) } : layer,
  );
}
