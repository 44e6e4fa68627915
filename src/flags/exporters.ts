import { InvalidArgumentError } from 'commander';
import { getField } from './get-field.js';
import { writePluginOptions } from './plugin.js';
import type { Given, Json, JsonObject, RequestFlag } from './request-flag.js';
import { parsePluginOption } from './values.js';

const LIST = 'exports';

/**
 * Flags that say in which forms an output is written: `--exporter hf`, or `--exporter hf --exporter small=gguf
 * --exporter-option small.type=q4_0`, which have a folder each.
 */
export function exporterFlags(written: string): RequestFlag[] {
  return [
    {
      flags: '--exporter <[NAME=]EXPORTER>',
      summary: `writes ${written}; several write it in several forms, each to the folder NAME of the output, by default that of the exporter's id`,
      field: 'exporter.id',
      repeats: true,
      proposes: { from: 'plugins', kind: 'exporter' },
      parse: parseExport,
      fill: fillExports,
      take: takeExports,
    },
    {
      flags: '--exporter-option <[NAME.]OPTION=VALUE>',
      summary:
        'an option of the exporter; of several, of that with this NAME; `prunecast plugins --kind exporter --options` lists them',
      field: 'exporter.options',
      repeats: true,
      ownJson: true,
      showsNoDefault: true,
      proposes: { from: 'plugin-options', kind: 'exporter' },
      parse: String,
      fill: fillOptions,
      take: takeOptions,
    },
  ];
}

function parseExport(text: string): JsonObject {
  const at = text.indexOf('=');
  if (at === 0 || at === text.length - 1 || text === '')
    throw new InvalidArgumentError(`"${text}" is not EXPORTER or NAME=EXPORTER.`);
  return at < 0 ? { exporter: { id: text } } : { name: text.slice(0, at), exporter: { id: text.slice(at + 1) } };
}

/** One without a name is the whole output. */
function fillExports(request: JsonObject, given: readonly Given[]): string[] {
  const exports = given.map(({ value }) => value as JsonObject);
  const [only] = exports;
  if (exports.length === 1 && only?.['exporter'] !== undefined && only['name'] === undefined) {
    request['exporter'] = only['exporter'];
    return ['exporter.id'];
  }
  const folders = exports.map((entry) => nameOf(entry).toLowerCase());
  const second = exports.find((_, place) => folders.indexOf(folders[place] ?? '') < place);
  if (second !== undefined)
    throw new InvalidArgumentError(
      `--exporter: two write to the folder "${nameOf(second)}": give one a name of its own, as in --exporter NAME=${String((second['exporter'] as JsonObject)['id'])}.`,
    );
  request[LIST] = exports;
  return exports.map((_, place) => `${LIST}[${place}]`);
}

function fillOptions(request: JsonObject, given: readonly Given[]): string[] {
  const exports = listExports(request);
  return given.map(({ text }) => {
    const { place, option } =
      exports.length === 0 ? { place: undefined, option: requirePlain(text) } : findNamed(exports, text);
    const holder = place === undefined ? request : (exports[place] ?? {});
    const exporter = (holder['exporter'] ??= {}) as JsonObject;
    exporter['options'] = { ...((exporter['options'] ?? {}) as JsonObject), ...parsePluginOption(option) };
    return place === undefined ? 'exporter.options' : `${LIST}[${place}].exporter.options`;
  });
}

/** An option of a single exporter. */
function requirePlain(text: string): string {
  const [, name = '', dot = '', option = '', value = ''] = /^([^=.]+)(\.?)([^=]*)(=.*)$/s.exec(text) ?? [];
  if (value === '')
    throw new InvalidArgumentError(`--exporter-option: "${text}" is not OPTION=VALUE, such as dtype=float16.`);
  if (dot !== '')
    throw new InvalidArgumentError(
      `--exporter-option: "${text}" has the name of one of several exporters, and there is one: give ${option}${value}, or several with --exporter (${name} among them).`,
    );
  return text;
}

function findNamed(exports: readonly JsonObject[], text: string): { readonly place: number; readonly option: string } {
  const [, name = '', option = ''] = /^([^=]+?)\.([^.=]+=.*)$/s.exec(text) ?? [];
  const place = exports.findIndex((entry) => nameOf(entry) === name);
  if (place < 0)
    throw new InvalidArgumentError(
      `--exporter-option: "${text}" is not NAME.OPTION=VALUE with the name of an --exporter: ${exports.map(nameOf).join(', ')}.`,
    );
  return { place, option };
}

/** Takes the ids of a single exporter, and keeps the names of several for options, which come after them. */
function takeExports(request: JsonObject): string[] {
  const exporter = request['exporter'] as JsonObject | undefined;
  if (exporter !== undefined) {
    const { id, ...others } = exporter;
    request['exporter'] = others;
    return typeof id === 'string' && id !== '' ? [id] : [];
  }
  return listExports(request).map(({ name, exporter: ref }) => {
    const { id = '' } = (ref ?? {}) as JsonObject;
    return typeof name === 'string' && name !== '' ? `${name}=${String(id)}` : String(id);
  });
}

function takeOptions(request: JsonObject): string[] {
  const exporter = request['exporter'] as JsonObject | undefined;
  const exports = listExports(request);
  delete request['exporter'];
  delete request[LIST];
  return [
    ...writePluginOptions(exporter?.['options'] ?? {}),
    ...exports.flatMap((entry) =>
      writePluginOptions(((entry['exporter'] ?? {}) as JsonObject)['options'] ?? {}).map(
        (option) => `${nameOf(entry)}.${option}`,
      ),
    ),
  ];
}

function listExports(request: JsonObject): JsonObject[] {
  return (getField(request, LIST) ?? []) as JsonObject[];
}

function nameOf({ name, exporter }: JsonObject): string {
  const { id = '' } = (exporter ?? {}) as Readonly<Record<string, Json>>;
  return String(typeof name === 'string' && name !== '' ? name : id);
}
