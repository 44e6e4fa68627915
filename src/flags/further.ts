import { InvalidArgumentError } from 'commander';
import { getField } from './get-field.js';
import type { Given, JsonObject, RequestFlag } from './request-flag.js';
import { parsePluginOption } from './values.js';
import { setField } from './set-field.js';
import { writePluginOptions } from './plugin.js';
import { writeText } from './write-text.js';

const LIST = 'further_measurements';

/**
 * Flags that say what else is measured: `--also mmlu --also-text mmlu --also-option mmlu.shots=5`.
 *
 * @param text path of an entry's text in the entry
 */
export function furtherFlags(text: string): RequestFlag[] {
  return [
    {
      flags: '--also <[NAME=]EVALUATOR>',
      summary:
        'measure this too; its metrics are NAME.METRIC, by default with the id of the evaluator, as mmlu.accuracy',
      field: `${LIST}[]`,
      repeats: true,
      showsNoDefault: true,
      proposes: { from: 'plugins', kind: 'evaluator' },
      parse: parseFurther,
      take: (request) => listEntries(request).flatMap((entry) => takeEvaluator(entry) ?? []),
    },
    {
      flags: '--also-text <FILE|@TEXT>',
      summary: 'what --also measures on; with several of both, in their order',
      field: `${LIST}[+].${text}`,
      repeats: true,
      showsNoDefault: true,
      place: 'text',
      take: (request) => listEntries(request).flatMap((entry) => takeText(entry, text) ?? []),
    },
    {
      flags: '--also-option <NAME.OPTION=VALUE>',
      summary: 'an option of the evaluator of --also, as mmlu.shots=5',
      field: LIST,
      repeats: true,
      showsNoDefault: true,
      proposes: { from: 'plugin-options', kind: 'evaluator' },
      parse: String,
      fill: fillOptions,
      take: takeOptions,
    },
  ];
}

function parseFurther(text: string): JsonObject {
  const at = text.indexOf('=');
  if (at === 0 || at === text.length - 1 || text === '')
    throw new InvalidArgumentError(`"${text}" is not EVALUATOR or NAME=EVALUATOR.`);
  return at < 0 ? { evaluator: { id: text } } : { name: text.slice(0, at), evaluator: { id: text.slice(at + 1) } };
}

/** Takes the evaluator, and keeps the name for options, which come after it. */
function takeEvaluator(entry: JsonObject): string | undefined {
  const { name, evaluator } = entry;
  const { id } = (evaluator ?? {}) as JsonObject;
  if (typeof id !== 'string') return undefined;
  return typeof name === 'string' && name !== '' ? `${name}=${id}` : id;
}

function takeText(entry: JsonObject, text: string): string | undefined {
  const value = getField(entry, text);
  const written = value === undefined ? undefined : writeText(value);
  if (written !== undefined) setField(entry, text, null);
  return written;
}

function takeOptions(request: JsonObject): string[] {
  const entries = listEntries(request);
  const options = entries.flatMap((entry) =>
    writePluginOptions(((entry['evaluator'] ?? {}) as JsonObject)['options'] ?? {}).map(
      (option) => `${nameOf(entry)}.${option}`,
    ),
  );
  delete request[LIST];
  return options;
}

function listEntries(request: JsonObject): JsonObject[] {
  return (getField(request, LIST) ?? []) as JsonObject[];
}

function fillOptions(request: JsonObject, given: readonly Given[]): string[] {
  const entries = listEntries(request);
  return given.map(({ text }) => {
    const [, name = '', option = ''] = /^([^.=]+)\.(.+)$/.exec(text) ?? [];
    const place = entries.findIndex((entry) => nameOf(entry) === name);
    const entry = entries[place];
    if (entry === undefined)
      throw new InvalidArgumentError(
        `--also-option: "${text}" is not NAME.OPTION=VALUE with the name of an --also: ${entries.map(nameOf).join(', ') || 'none is given'}.`,
      );
    const evaluator = (entry['evaluator'] ?? {}) as JsonObject;
    evaluator['options'] = { ...((evaluator['options'] ?? {}) as JsonObject), ...parsePluginOption(option) };
    return `${LIST}[${place}].evaluator.options`;
  });
}

function nameOf({ name, evaluator }: JsonObject): string {
  const { id = '' } = (evaluator ?? {}) as JsonObject;
  return String(name ?? String(id).replaceAll('-', '_'));
}
