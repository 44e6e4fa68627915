import type { Exporter } from '../../src/core/ports/exporter.js';
import type { PluginEntry } from '../../src/plugins/plugin-entry.js';

/** An exporter of `test/fixtures/exporters/`, as a server takes it. */
export async function loadExporter(name: string): Promise<PluginEntry<'exporter'>> {
  const moduleUrl = new URL(`../fixtures/exporters/${name}.mjs`, import.meta.url);
  const { default: plugin } = (await import(moduleUrl.href)) as { readonly default: Exporter };
  return { kind: 'exporter', plugin, moduleUrl, version: '1' };
}
