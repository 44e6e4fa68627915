import type { Command } from 'commander';
import { PluginKind, type Plugin } from '../../client/index.js';
import { Plugin as PluginMessage } from '../../gen/prunecast/v1/catalog.js';
import { addServerFlags, type ServerFlags } from '../flags/server.js';
import { parseChoice } from '../flags/values.js';
import { formatEnum } from '../output/format.js';
import { createPrinter } from '../output/printer.js';
import { useServer } from '../session/use-server.js';

interface Flags extends ServerFlags {
  readonly kind?: PluginKind;
  readonly options?: boolean;
}

/** `prunecast plugins`: what a server has. */
export function addPluginsCommand(program: Command): void {
  const command = program
    .command('plugins')
    .description('list criteria, compensations, evaluators, predictors, strategies and exporters')
    .option('--kind <KIND>', `only this kind: ${Object.keys(KINDS).join(', ')}`, parseChoice(KINDS))
    .option('--options', 'show the options of each');
  addServerFlags(command).action(async (flags: Flags) => {
    const printer = createPrinter(flags);
    await useServer(flags, {}, async ({ client }) => {
      const { plugins } = await client.services.catalog.listPlugins({ kind: flags.kind ?? PluginKind.UNSPECIFIED });
      if (printer.format === 'json')
        for (const message of plugins)
          printer.message({ typeName: 'prunecast.v1.Plugin', codec: PluginMessage, message });
      if (flags.options === true)
        printer.table(['kind', 'id', 'option', 'type', 'default', 'meaning'], plugins.flatMap(describeOptions));
      else
        printer.table(
          ['kind', 'id', 'runs in', 'summary'],
          plugins.map((plugin) => [formatEnum(PluginKind, plugin.kind), plugin.id, plugin.runsIn, plugin.summary]),
        );
    });
  });
}

const KINDS = {
  criterion: PluginKind.CRITERION,
  compensation: PluginKind.COMPENSATION,
  evaluator: PluginKind.EVALUATOR,
  predictor: PluginKind.PREDICTOR,
  strategy: PluginKind.STRATEGY,
  exporter: PluginKind.EXPORTER,
} as const;

interface OptionSchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly description?: string;
}

function describeOptions({ kind, id, optionsSchema }: Plugin): string[][] {
  const properties = Object.entries((optionsSchema?.['properties'] ?? {}) as Record<string, OptionSchema>);
  const head = [formatEnum(PluginKind, kind), id];
  if (properties.length === 0) return [[...head, '(none)', '', '', '']];
  return properties.map(([name, schema]) => [
    ...head,
    name,
    schema.enum?.map((choice) => JSON.stringify(choice)).join(' | ') ?? schema.type ?? '',
    schema.default === undefined ? '' : JSON.stringify(schema.default),
    schema.description ?? '',
  ]);
}
