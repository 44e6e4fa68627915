import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Node } from 'yaml';
import { didYouMean } from '../../core/errors/nearest.js';

/** A value of a file of settings, and where it stands. */
export interface FileValue {
  readonly value: unknown;
  /** From 1. */
  readonly line: number;
}

export interface ConfigFile {
  readonly values: ReadonlyMap<string, FileValue>;
  /** All that is wrong with the file: `/etc/prunecast.yaml:3: ...`. */
  readonly faults: readonly string[];
}

/** All settings with comments take some 10 KiB; long lists of folders some more. */
const MAX_CONFIG_BYTES = 256 * 1024;

/**
 * The settings in a file of YAML, of which JSON is a part. Keys are checked, values are not. Aliases are not read, so that
 * a small file cannot stand for a large one.
 *
 * @param path as it is named in faults
 * @param settings the keys that there are
 */
export function readConfigFile(path: string, settings: readonly string[]): ConfigFile {
  try {
    return parseSettings(path, readText(path), settings);
  } catch (error) {
    return { values: new Map(), faults: [`${path}: ${describe(error)}`] };
  }
}

function parseSettings(path: string, text: string, settings: readonly string[]): ConfigFile {
  const { isAlias, isMap, isScalar, LineCounter, parseDocument, visit } = loadYaml();
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const faults: string[] = [];
  const lineOf = (offset = 0) => lines.linePos(offset).line;
  const blame = (offset: number | undefined, fault: string) => void faults.push(`${path}:${lineOf(offset)}: ${fault}`);
  for (const { pos, message } of [...document.errors, ...document.warnings]) blame(pos[0], message);
  visit(document, {
    Alias: (_, alias) => blame(alias.range?.[0], `the alias *${alias.source} is not read: write the value itself`),
  });
  const { contents } = document;
  if (contents !== null && !isMap(contents))
    blame(contents.range?.[0], 'a file of settings has lines such as "logLevel: info"');
  if (faults.length > 0 || !isMap(contents)) return { values: new Map(), faults };
  const values = new Map<string, FileValue>();
  for (const { key, value } of contents.items) {
    const offset = (key as Node).range?.[0];
    const name = isScalar(key) ? String(key.value) : 'a list or map as a key';
    if (!settings.includes(name)) blame(offset, `${name} is no setting${didYouMean(name, settings)}`);
    // An alias is a fault by now, and nothing but nodes is in a document that was read.
    else if (!isAlias(value))
      values.set(name, { value: (value as Node | null)?.toJS(document) ?? null, line: lineOf(offset) });
  }
  return { values, faults };
}

/** Only where there is a file: it takes a twentieth of the start of a server. */
function loadYaml(): typeof import('yaml') {
  return createRequire(import.meta.url)('yaml') as typeof import('yaml');
}

/** @throws Error if it is no file of text, or too long */
function readText(path: string): string {
  // Without O_NONBLOCK a pipe that nobody writes to would keep the server from starting.
  const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    if (!fstatSync(file).isFile()) throw new Error('is no file');
    const bytes = new Uint8Array(MAX_CONFIG_BYTES + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      read = readSync(file, bytes, length, bytes.length - length, null);
    if (length > MAX_CONFIG_BYTES) throw new Error(`is longer than ${MAX_CONFIG_BYTES} bytes, the most that is read`);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length));
  } finally {
    closeSync(file);
  }
}

function describe(error: unknown): string {
  if (error instanceof RangeError) return 'is nested too deeply';
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such file';
    case 'EACCES':
    case 'EPERM':
      return 'may not be read';
    case 'ERR_ENCODING_INVALID_ENCODED_DATA':
      return 'is not UTF-8';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
