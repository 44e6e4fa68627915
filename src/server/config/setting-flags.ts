import { z } from 'zod';
import { pathsOf } from './gather-settings.js';
import { environmentName } from './setting-variables.js';

/** What a flag of `prunecast serve` has that the schema of its setting does not say. */
interface FlagTexts {
  /** Heading in the help. */
  readonly group: string;
  readonly summary: string;
  /** @default the setting's name in kebab case, of a list without its last s */
  readonly name?: string;
  /** What stands for the value in the help: `MODE`. @default what the type and the name of the setting say */
  readonly value?: string;
  /** What a shell proposes. @default what the paths or the values of the setting say */
  readonly proposes?: 'files';
}

/** The `meta` of a setting that says how it is a flag. */
export function flag(
  group: string,
  summary: string,
  more: Omit<FlagTexts, 'group' | 'summary'> = {},
): { readonly flag: FlagTexts } {
  return { flag: { group, summary, ...more } };
}

/** A setting as a flag, in the form in which `proto/settings.json` has it for the command line. */
export interface SettingFlag {
  /** `--model-root <DIR>`. */
  readonly flag: string;
  readonly variable: string;
  readonly group: string;
  readonly isList?: true;
  readonly summary: string;
  readonly proposes?: { readonly from: 'names'; readonly names: readonly string[] } | { readonly from: string };
  /** In words. */
  readonly default?: string;
}

/** @throws Error if the schema of the setting has no `flag`, or one without a `value` that it needs */
export function describeFlag(setting: string, schema: z.ZodType): SettingFlag {
  const json = z.toJSONSchema(schema, { io: 'input' });
  const texts = json['flag'] as FlagTexts | undefined;
  if (texts === undefined) throw new Error(`${setting} has no flag: give its schema .meta(flag(...))`);
  const { group, summary, name = nameFlag(setting, json.type), value = nameValue(setting, schema) } = texts;
  const values = json.enum as readonly string[] | undefined;
  const kind = FOLDERS_OR_FILES[String(pathsOf(schema))];
  const proposes =
    values !== undefined ? ({ from: 'names', names: values } as const) : { from: texts.proposes ?? kind };
  const told = /\bDefault: (.+?)\.(?=\s|$)/.exec(json.description ?? '')?.[1];
  const without = json.default === undefined ? told : [json.default].flat().join(' ');
  return {
    flag: value === '' ? `--${name}` : `--${name} <${value}>`,
    variable: environmentName(setting),
    group,
    ...(json.type === 'array' && { isList: true }),
    summary,
    ...(proposes.from !== undefined && { proposes: { ...proposes, from: proposes.from } }),
    ...(without !== undefined && without !== '' && { default: without }),
  };
}

const FOLDERS_OR_FILES: Readonly<Record<string, string>> = {
  files: 'files',
  folders: 'folders',
  'own-folders': 'folders',
};

const VALUES_OF_PATHS: Readonly<Record<string, string>> = {
  files: 'FILE',
  folders: 'DIR',
  'own-folders': 'DIR',
  'in-addresses': 'ADDRESS',
};

/** By the unit that the setting's name ends in. */
const VALUES_OF_UNITS: Readonly<Record<string, string>> = { Bytes: 'BYTES', Ms: 'MS', Days: 'DAYS' };

function nameFlag(setting: string, type: unknown): string {
  const kebab = setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return type === 'array' ? kebab.replace(/s$/, '') : kebab;
}

/** Empty for a flag without a value. */
function nameValue(setting: string, schema: z.ZodType): string {
  const { type, enum: values } = z.toJSONSchema(schema, { io: 'input' });
  if (type === 'boolean') return '';
  if (values !== undefined) return values.join('|');
  if (type === 'integer' || type === 'number')
    return VALUES_OF_UNITS[/[A-Z][a-z]+$/.exec(setting)?.[0] ?? ''] ?? 'COUNT';
  const value = VALUES_OF_PATHS[String(pathsOf(schema))];
  if (value === undefined) throw new Error(`${setting}: give flag(...) the value that its help shows`);
  return value;
}
