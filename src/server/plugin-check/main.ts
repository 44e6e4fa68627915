import { resolve } from 'node:path';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Plugin } from '../../core/ports/plugin-entry.js';
import { keepTelemetryOff } from '../../onnx-runtime/telemetry.js';
import { BUILTIN_PLUGINS } from '../../plugins/builtin/list.js';
import { loadConfig } from '../config/config.js';
import { createLog } from '../config/create-log.js';
import { createPluginSource } from '../plugins/create-plugin-source.js';
import { readDataFiles } from '../texts/read-data-files.js';
import { checkPlugins, type CheckLine, type Refusal } from './check-plugins.js';
import { readModel } from './read-model.js';

/*
 * The conformance kits in a process of their own, which a plug-in may block or end. The first argument has the settings
 * as JSON, the others are specifiers; how processes are called is as for a server (PRUNECAST_* variables). Prints one line of JSON for all that becomes known.
 */

interface Settings {
  readonly options?: Readonly<Record<string, unknown>>;
  /** A file of rows, or a folder of them, for evaluators that read rows. */
  readonly rows?: string;
  /** The folder of a checkpoint, for plug-ins that read one themselves. */
  readonly model?: string;
}

keepTelemetryOff();
// What a plug-in prints must not lie between the lines.
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);
for await (const line of checkAll(JSON.parse(process.argv[2] ?? '{}') as Settings, process.argv.slice(3)))
  write(`${JSON.stringify(line)}\n`);
process.exit(); // whatever a plug-in still waits for

async function* checkAll(
  { options, rows, model }: Settings,
  specifiers: readonly string[],
): AsyncGenerator<CheckLine, void, undefined> {
  const config = loadConfig(process.env, {
    plugins: [...specifiers],
    outputRoot: process.cwd(),
    logLevel: 'silent',
  });
  const source = createPluginSource(config, [], createLog(config));
  try {
    for (const entry of await source.load()) {
      if (BUILTIN_PLUGINS.includes(entry)) continue;
      const { plugin } = entry;
      const readsRows = plugin.kind === 'evaluator' && plugin.reads === 'rows';
      yield* checkPlugins([entry], {
        ...(options !== undefined && { options }),
        ...(model !== undefined && readsModel(plugin) && (await readModel(model))),
        ...(readsRows && rows !== undefined && { rows: await readRows(rows, plugin.folders) }),
      });
    }
    yield { event: 'done' };
  } catch (error) {
    yield { event: 'refused', ...describeRefusal(error) };
  } finally {
    await source.close?.();
  }
}

function describeRefusal(error: unknown): Refusal {
  if (error instanceof PrunecastError) {
    const { message, code, reason, metadata } = error;
    return { message, code, reason, metadata };
  }
  return { message: error instanceof Error ? error.message : String(error) };
}

/** Whether it measures or scores a model as a whole. */
function readsModel(plugin: Plugin): boolean {
  if (plugin.kind === 'evaluator') return plugin.reads === 'nothing';
  return plugin.kind === 'criterion' && plugin.scoreModel !== undefined;
}

async function readRows(path: string, folders: readonly string[] | undefined) {
  const everywhere = { dataRoots: ['/'], dataLinks: 'anywhere' as const };
  const { files } = await readDataFiles(everywhere, { path: resolve(path), field: 'rows' }, folders);
  return files;
}
