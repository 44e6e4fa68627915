import { z } from 'zod';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Architecture } from '../../core/model/shape.js';
import type { Exporter, ExportSource, ExportSupport } from '../../core/ports/exporter.js';
import type { LoadRow } from '../../gen/prunecast/v1/model.js';
import { describeSource, type ExportedCheckpoint } from './require-exportable.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';

/**
 * One row per compensation, exporter and kind of shape: layers that are all alike, and others. A program that loads none of
 * them has further rows: of options with which it would, or would if it were not for these shapes.
 *
 * @param asked an architecture, in place of both kinds, and exporters with other options than their default ones
 */
export async function listLoads(
  checkpoint: ExportedCheckpoint,
  plugins: PluginLookup,
  asked: { readonly architecture?: Architecture; readonly exporters?: readonly AskedForm[] } = {},
): Promise<LoadRow[]> {
  const { layers } = checkpoint.shape;
  const { architecture, exporters = [] } = asked;
  const architectures = architecture === undefined ? [layers, makeUneven(layers)] : [architecture];
  const others = plugins
    .all('exporter')
    .filter(({ plugin: { id } }) => exporters.every(({ exporter }) => exporter.id !== id));
  const source = describeSource(checkpoint);
  const asking = await Promise.all([
    ...exporters.map(({ exporter, options }) => askExporter(exporter, options, source)),
    ...others.map(({ plugin: { id } }) => askByDefault(plugins, id, source)),
  ]);
  const variants = await listVariants(plugins, source);
  return plugins.all('compensation').flatMap(({ plugin: compensation }) =>
    architectures.flatMap((each) => {
      const biases = compensation.addsBias ? 'added' : 'none';
      const row = { compensation: compensation.id, uniform: isUniform(each), options: undefined };
      const rows = asking.map(({ id, ask }): LoadRow => {
        const supported = ask(each, biases);
        return {
          ...row,
          exporter: id,
          loadsIn: supported.ok ? [...supported.loadsIn] : [],
          note: supported.ok ? '' : supported.reason,
        };
      });
      const known = new Set(rows.flatMap(({ loadsIn }) => loadsIn.map(nameProgram)));
      const further = variants.flatMap(({ id, ask, options }): LoadRow[] => {
        const supported = ask(each, biases);
        const [wanted, own] = [supported, ask(layers, biases)].map((answer) =>
          answer.ok ? answer.loadsIn.filter((loader) => !known.has(nameProgram(loader))) : [],
        );
        if (supported.ok)
          return wanted?.length === 0
            ? []
            : [{ ...row, exporter: id, options, loadsIn: [...supported.loadsIn], note: '' }];
        const note = `${own?.join(', ')} takes only other shapes of it: ${supported.reason}`;
        return own?.length === 0 ? [] : [{ ...row, exporter: id, options, loadsIn: [], note }];
      });
      return [...rows, ...further];
    }),
  );
}

/** Of the JSON Schema of options: those that name their values. */
const WITH_CHOICES = z.object({
  properties: z.record(z.string(), z.object({ enum: z.array(z.unknown()).optional() })),
});

/** The exporters with one option each set to one of the values that it names. */
async function listVariants(plugins: PluginLookup, source: ExportSource) {
  const found: (AskedExporter & { readonly options: Readonly<Record<string, string>> })[] = [];
  for (const { plugin } of plugins.all('exporter')) {
    const schema = WITH_CHOICES.safeParse(plugins.schemaOf(plugin));
    for (const [name, choice] of Object.entries(schema.data?.properties ?? {})) {
      for (const value of choice.enum?.filter((each) => typeof each === 'string') ?? []) {
        const parsed = plugin.options.safeParse({ [name]: value });
        if (parsed.success)
          found.push({
            ...(await askExporter(plugin as Exporter, parsed.data, source)),
            options: { [name]: value },
          });
      }
    }
  }
  return found;
}

/** `transformers` of `transformers 4.54 or later with trust_remote_code`, `vLLM` of `vLLM with trust_remote_code`. */
function nameProgram(loader: string): string {
  return loader.replace(/ (?:\d|with ).*$/, '');
}

function isUniform(architecture: Architecture): boolean {
  const [first] = architecture;
  return architecture.every(
    (layer) =>
      layer.kvHeads === first?.kvHeads &&
      layer.queryHeadsPerKv === first.queryHeadsPerKv &&
      layer.ffnChannels === first.ffnChannels,
  );
}

/** An exporter with options that are complete. */
interface AskedForm {
  readonly exporter: Exporter;
  readonly options: unknown;
}

interface AskedExporter {
  readonly id: string;
  readonly ask: (architecture: Architecture, biases: 'none' | 'added') => ExportSupport;
}

async function askExporter(exporter: Exporter, options: unknown, source: ExportSource): Promise<AskedExporter> {
  const { id } = exporter;
  const reason = await exporter.refuses?.(source, options);
  if (reason !== undefined) return { id, ask: () => ({ ok: false, reason }) };
  return { id, ask: (architecture, biases) => exporter.supports(source.shape, architecture, biases, options) };
}

/** With its default options; if it has none, or they are not all there is to it, its rows say so. */
async function askByDefault(plugins: PluginLookup, id: string, source: ExportSource): Promise<AskedExporter> {
  try {
    const { plugin, options } = plugins.resolve('exporter', { id, options: undefined }, id, 'exporter');
    return await askExporter(plugin as Exporter, options, source);
  } catch (error) {
    if (!(error instanceof PrunecastError) || error.reason !== 'INVALID_OPTIONS') throw error;
    const reason = `depends on its options, which have no default: ${error.violations.map(({ field, description }) => `${field}: ${description}`).join('; ')}`;
    return { id, ask: () => ({ ok: false, reason }) };
  }
}

/** An architecture whose layers differ, to ask what loads such shapes: the first layer loses half of its channels. */
function makeUneven(architecture: Architecture): Architecture {
  return architecture.map((layer, index) =>
    index === 0 ? { ...layer, ffnChannels: Math.max(1, layer.ffnChannels >> 1) } : layer,
  );
}
