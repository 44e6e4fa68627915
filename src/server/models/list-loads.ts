import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Architecture } from '../../core/model/shape.js';
import type { ExportSupport } from '../../core/ports/exporter.js';
import type { LoadRow } from '../../gen/prunecast/v1/model.js';
import { findRefusal, type ExportedCheckpoint } from './require-exportable.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';

/**
 * One row per compensation, exporter and kind of shape, with the exporter's default options. If an exporter has no
 * defaults, or can write nothing of the checkpoint, its rows say so.
 */
export async function listLoads(checkpoint: ExportedCheckpoint, plugins: PluginLookup): Promise<LoadRow[]> {
  const { shape } = checkpoint;
  const exporters = await Promise.all(
    plugins.all('exporter').map(async ({ plugin: { id } }) => ({
      id,
      ask: await prepareExporter(plugins, id, checkpoint),
    })),
  );
  return plugins.all('compensation').flatMap(({ plugin: compensation }) =>
    exporters.flatMap(({ id, ask }) =>
      [true, false].map((uniform) => {
        const supported = ask(
          uniform ? shape.layers : makeUneven(shape.layers),
          compensation.addsBias ? 'added' : 'none',
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

/** What an exporter with its default options answers of architectures of the checkpoint. */
async function prepareExporter(
  plugins: PluginLookup,
  id: string,
  checkpoint: ExportedCheckpoint,
): Promise<(architecture: Architecture, biases: 'none' | 'added') => ExportSupport> {
  try {
    const { plugin, options } = plugins.resolve('exporter', { id, options: undefined }, id, 'exporter');
    const reason = await findRefusal(plugin, options, checkpoint);
    if (reason !== undefined) return () => ({ ok: false, reason });
    return (architecture, biases) => plugin.supports(checkpoint.shape, architecture, biases, options);
  } catch (error) {
    if (!(error instanceof PrunecastError) || error.reason !== 'INVALID_OPTIONS') throw error;
    const reason = `depends on its options, which have no default: ${error.violations.map(({ field, description }) => `${field}: ${description}`).join('; ')}`;
    return () => ({ ok: false, reason });
  }
}

/** An architecture whose layers differ, to ask what loads such shapes: the first layer loses half of its channels. */
function makeUneven(architecture: Architecture): Architecture {
  return architecture.map((layer, index) =>
    index === 0 ? { ...layer, ffnChannels: Math.max(1, layer.ffnChannels >> 1) } : layer,
  );
}
