import type { Command } from 'commander';
import { PluginKind, type Plugin } from '../../client/index.js';
import { ListPluginsRequest, Plugin as PluginMessage } from '../../gen/prunecast/v1/catalog.js';
import { addRequestFlags, type RequestType } from '../options/request-option.js';
import { addServerFlags } from '../options/server.js';
import { KINDS } from '../plugin/kinds.js';
import { enumForm } from '../../flags/enum-form.js';
import { formatEnum } from '../../words/format.js';
import { callServer } from '../session/call-server.js';

const LIST: RequestType<ListPluginsRequest> = {
  typeName: 'prunecast.v1.ListPluginsRequest',
  codec: ListPluginsRequest,
};

/** `prunecast plugins`: what a server has. */
export function addPluginsCommand(program: Command): void {
  const command = program
    .command('plugins')
    .description('list criteria, compensations, evaluators, predictors, strategies, exporters and recoveries');
  addRequestFlags(command, LIST, 'Filter', [
    {
      flags: '--kind <KIND>',
      summary: `only this kind: ${KINDS.join(', ')}`,
      field: 'kind',
      ...enumForm('PLUGIN_KIND', KINDS),
    },
  ]);
  addServerFlags(command)
    .optionsGroup('Printing:')
    .option('--options', 'show the options of each')
    .action(async (flags: { readonly options?: boolean }) => {
      await callServer(command, LIST, async ({ client, request, printer }) => {
        const { plugins } = await client.services.catalog.listPlugins(request);
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
