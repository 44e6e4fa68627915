import { parsePluginOption } from './values.js';
import type { Json, JsonObject, RequestFlag } from './request-flag.js';

/**
 * Flags that choose a plug-in and set its options: `--predictor ridge --predictor-option lambda=0.1`. Options without
 * an id go to the server's default plug-in.
 *
 * @param field path of the `PluginRef`
 */
export function pluginFlags(kind: string, field: string, summary: string): RequestFlag[] {
  return [
    { flags: `--${kind} <ID>`, summary, field: `${field}.id`, proposes: { from: 'plugins', kind } },
    {
      flags: `--${kind}-option <NAME=VALUE>`,
      summary: `an option of the ${kind}; \`prunecast plugins --kind ${kind} --options\` lists them`,
      field: `${field}.options`,
      repeats: true,
      ownJson: true,
      parse: parsePluginOption,
      write: writePluginOptions,
      proposes: { from: 'plugin-options', kind },
      showsNoDefault: true,
    },
  ];
}

/** One use per option. A text that could be read as JSON is quoted. */
export function writePluginOptions(options: Json): string[] {
  return Object.entries(options as JsonObject).map(([name, value]) => {
    const isPlain = typeof value === 'string' && parsePluginOption(`${name}=${value}`)[name] === value;
    return `${name}=${isPlain ? value : JSON.stringify(value)}`;
  });
}
