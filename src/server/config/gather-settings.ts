import { dirname, resolve } from 'node:path';
import { inspect } from 'node:util';
import { z } from 'zod';
import { didYouMean } from '../../core/errors/nearest.js';
import { expandHome } from '../../state-folder/state-directory.js';
import { describeIssue } from './describe-issue.js';
import { readConfigFile } from './read-config-file.js';
import { exampleOf, readFileValue, readValue } from './read-value.js';
import { CONFIG_FILE_VARIABLE, environmentName, findUnknownVariables, FLAGS_VARIABLE } from './setting-variables.js';

/** Where a value comes from. */
export interface Source {
  readonly from: 'default' | 'file' | 'environment' | 'flag' | 'program';
  /** File and line, variable or flag; of a default what it was derived from, or nothing. */
  readonly where: string;
}

export interface Given {
  readonly value: unknown;
  readonly source: Source;
}

export interface GatheredSettings {
  /** What counts of what was given. */
  readonly given: ReadonlyMap<string, Given>;
  /** All that is wrong with what was given, also with what does not count. */
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;
type Shape = Readonly<Record<string, z.ZodType>>;

/**
 * The settings that a program, flags, the environment and a file give, the former over the latter. Each value is checked
 * against its own schema.
 */
export function gatherSettings(
  shape: Shape,
  environment: Environment,
  options: Readonly<Record<string, unknown>>,
): GatheredSettings {
  const names = Object.keys(shape);
  const file = readFileOf(environment, names);
  const unknown = findUnknownVariables(environment, names);
  const faults = [...file.faults, ...unknown.faults];
  const given = new Map<string, Given>();
  const layers = [readFileValues(shape, file), readVariables(shape, environment), readOptions(options)];
  for (const [name, { value, source }] of layers.flat()) {
    const schema = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (schema === undefined) faults.push(`${name} is no setting${didYouMean(name, names)}`);
    else faults.push(...findFaults(name, schema, value).map((fault) => `${name} (${source.where || name}): ${fault}`));
    given.set(name, { value, source });
  }
  return { given, faults, warnings: unknown.warnings };
}

/** What is wrong with a value of a setting: what was given, and what is allowed. */
function findFaults(setting: string, schema: z.ZodType, value: unknown): string[] {
  const { error } = schema.safeParse(value, { reportInput: true });
  return (error?.issues ?? []).map((issue) => {
    const hasUnits = issue.code === 'invalid_type' && ['int', 'number'].includes(issue.expected);
    const example = hasUnits ? exampleOf(setting) : undefined;
    const fault = describeIssue(issue);
    return [
      ...showInput(schema, issue.input),
      fault,
      ...(example ? [`nor one with a unit, such as ${example}`] : []),
    ].join(' ');
  });
}

const LONGEST_SHOWN = 100;

/** Nothing of a value that is secret, or of none. */
function showInput(schema: z.ZodType, input: unknown): string[] {
  const { secret } = z.toJSONSchema(schema, { io: 'input' });
  if (secret === true || input === null || input === undefined) return [];
  const text = typeof input === 'string' ? JSON.stringify(input) : inspect(input, { breakLength: Infinity });
  return [text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text];
}

function readFileOf(environment: Environment, names: readonly string[]) {
  const named = environment[CONFIG_FILE_VARIABLE] ?? '';
  if (named === '') return { path: '', values: new Map<string, never>(), faults: [] };
  const path = resolve(expandHome(named));
  return { path, ...readConfigFile(path, names) };
}

function readFileValues(shape: Shape, { path, values }: ReturnType<typeof readFileOf>): [string, Given][] {
  return [...values].map(([name, { value, line }]) => {
    const schema = shape[name] ?? z.unknown();
    const read = startPaths(schema, readFileValue(name, value), dirname(path));
    return [name, { value: read, source: { from: 'file', where: `${path}:${line}` } }];
  });
}

/** What has to be at the paths of a setting: `files`, `folders`, `own-folders`, `in-addresses`; undefined if it has none. */
export function pathsOf(schema: z.ZodType): unknown {
  const { paths, items } = z.toJSONSchema(schema, { io: 'input' });
  return paths ?? (typeof items === 'object' && !Array.isArray(items) ? items['paths'] : undefined);
}

/**
 * A value whose relative paths start at a folder, so that those of a file mean the same wherever the server is started.
 */
export function startPaths(schema: z.ZodType, value: unknown, folder: string): unknown {
  const kind = pathsOf(schema);
  const start = (value: unknown) => {
    if (kind === undefined || typeof value !== 'string' || /^(?:~(?:\/|$)|$)/.test(value)) return value;
    // Of addresses and plug-ins only those that are paths beyond doubt: the others are hosts, commands and packages.
    const [, scheme = '', path = ''] = /^(unix:|)(.*)$/s.exec(value) ?? [];
    const isPath = kind !== 'in-addresses' || scheme !== '' || /^\.\.?(?:\/|$)/.test(path);
    return isPath && path !== '' ? `${scheme}${resolve(folder, path)}` : value;
  };
  return Array.isArray(value) ? value.map(start) : start(value);
}

function readVariables(shape: Shape, environment: Environment): [string, Given][] {
  const flags = readFlags(environment[FLAGS_VARIABLE]);
  return Object.entries(shape).flatMap(([name, schema]): [string, Given][] => {
    const variable = environmentName(name);
    const text = environment[variable] ?? '';
    if (text === '') return [];
    const flag = flags[variable];
    const source: Source =
      flag === undefined ? { from: 'environment', where: variable } : { from: 'flag', where: flag };
    return [[name, { value: readValue(name, schema, text), source }]];
  });
}

function readFlags(text = '{}'): Readonly<Record<string, string>> {
  try {
    return z.record(z.string(), z.string()).parse(JSON.parse(text));
  } catch {
    return {}; // not from `serve`: all that is lost are names of flags in messages
  }
}

function readOptions(options: Readonly<Record<string, unknown>>): [string, Given][] {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, { value, source: { from: 'program', where: '' } }]);
}
