import { existsSync } from 'node:fs';
import { parse, resolve } from 'node:path';
import type { JsonObject } from '../../flags/request-flag.js';
import { readList, writeList } from './environment-list.js';

/** Paths as a user gave them. */
export interface GivenPaths {
  readonly model?: string;
  /** Files, or `@` and the text itself. */
  readonly texts: readonly string[];
  readonly output?: string;
}

/** How a server knows what a user names. */
export interface Places {
  readonly toModel: (path: string) => string;
  /** An output, to write or earlier. */
  readonly toOutput: (path: string) => string;
  /** A text as a flag gives it, in proto JSON. */
  readonly toText: (flag: string) => JsonObject;
}

/** Names for a server at an address: relative to its own roots, so they stay as given. */
export const AT_SERVER: Places = {
  toModel: (path) => path,
  toOutput: (path) => path,
  toText: (flag) => toText(flag, (path) => path),
};

/**
 * Names for a server of this machine: absolute, so that they mean the same to each command in each folder, and to a
 * later server. What does not exist keeps its name: it may lie under a root of the server, which says what is missing.
 */
export const ON_THIS_MACHINE: Places = {
  toModel: nameExisting,
  toOutput: (path) => resolve(path),
  toText: (flag) => toText(flag, nameExisting),
};

/**
 * Settings for a server that a command starts. It may read and write whatever its user may, since nobody else can call
 * it. Roots that the environment sets, and the current folder, are for names that are relative.
 */
export function trustUser(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Readonly<Record<string, string>> {
  const everything = parse(process.cwd()).root;
  const withEverything = (configured = '') => writeList([...readList(configured), process.cwd(), everything]);
  return {
    PRUNECAST_MODEL_ROOTS: withEverything(environment['PRUNECAST_MODEL_ROOTS']),
    PRUNECAST_MODEL_LINKS: 'anywhere',
    PRUNECAST_DATA_ROOTS: withEverything(environment['PRUNECAST_DATA_ROOTS']),
    PRUNECAST_DATA_LINKS: 'anywhere',
    PRUNECAST_OUTPUT_ROOT: everything,
  };
}

function nameExisting(path: string): string {
  return existsSync(path) ? resolve(path) : path;
}

function toText(flag: string, rename: (path: string) => string): JsonObject {
  return flag.startsWith('@') ? { inline: flag.slice(1) } : { path: rename(flag) };
}
