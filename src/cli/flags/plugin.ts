import type { Command } from 'commander';
import type { DeepPartial, PluginRef } from '../../client/index.js';
import { collect, parsePluginOption } from './values.js';

type PluginOptions = readonly (readonly [string, unknown])[];

/** Flags that choose a plug-in and set its options: `--predictor ridge --predictor-option lambda=0.1`. */
export function addPluginFlags(command: Command, kind: string, summary: string): Command {
  return command
    .option(`--${kind} <ID>`, summary)
    .option(
      `--${kind}-option <NAME=VALUE>`,
      `an option of the ${kind}; \`prunecast plugins --kind ${kind} --options\` lists them`,
      collect(parsePluginOption),
    );
}

/** The plug-in that was chosen; undefined where neither it nor an option was given. `fallback` is the default that options alone go to. */
export function readPlugin(
  id: string | undefined,
  options: PluginOptions | undefined,
  fallback: string,
): DeepPartial<PluginRef> | undefined {
  if (id === undefined && options === undefined) return undefined;
  return { id: id ?? fallback, ...(options !== undefined && { options: Object.fromEntries(options) }) };
}
