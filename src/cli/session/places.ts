import { existsSync, mkdirSync } from 'node:fs';
import { basename, dirname, relative, resolve, sep } from 'node:path';
import type { DeepPartial, Text } from '../../client/index.js';
import { readList, writeList } from './environment-list.js';

/** Paths as a user gave them. */
export interface GivenPaths {
  readonly model?: string;
  /** Files, or `@` and the text itself. */
  readonly texts?: readonly (string | undefined)[];
  readonly output?: string;
}

/** The same as a server knows them. */
export interface Places {
  readonly model: string;
  readonly output: string;
  /** A text flag's value as the API has it. */
  readonly toText: (flag: string) => DeepPartial<Text>;
  /** Settings for a server of its own; empty for one that runs already. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Names for a running server: its own, so as they were given. */
export function placeAtServer({ model = '', output = '' }: GivenPaths): Places {
  return { model, output, toText: (flag) => toText(flag, (path) => path), environment: {} };
}

/**
 * Names for a server of its own, with roots that make them true: the parent folder of the model, of the output, and the
 * folder that all texts lie under. What does not exist keeps its name, and the server says what is missing.
 *
 * Roots that the environment sets already (PRUNECAST_MODEL_ROOTS, ...) stand after these.
 */
export function placeLocally(
  { model, texts = [], output }: GivenPaths,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Places {
  const modelPath = model !== undefined && existsSync(model) ? resolve(model) : undefined;
  const textPaths = texts
    .filter((text): text is string => text !== undefined && !text.startsWith('@') && existsSync(text))
    .map((text) => resolve(text));
  const textRoot = commonFolder(textPaths);
  const outputPath = output === undefined || output === '' ? undefined : resolve(output);
  if (outputPath !== undefined) mkdirSync(dirname(outputPath), { recursive: true });
  return {
    model: modelPath === undefined ? (model ?? '') : basename(modelPath),
    output: outputPath === undefined ? '' : basename(outputPath),
    toText: (flag) =>
      toText(flag, (path) => (textRoot !== undefined && existsSync(path) ? relative(textRoot, resolve(path)) : path)),
    environment: {
      PRUNECAST_MODEL_ROOTS: withRoot(
        modelPath === undefined ? undefined : dirname(modelPath),
        environment['PRUNECAST_MODEL_ROOTS'],
      ),
      // Who runs the server is who asks it: links lead wherever the user may read.
      PRUNECAST_MODEL_LINKS: 'anywhere',
      PRUNECAST_DATA_ROOTS: withRoot(textRoot, environment['PRUNECAST_DATA_ROOTS']),
      PRUNECAST_DATA_LINKS: 'anywhere',
      PRUNECAST_OUTPUT_ROOT:
        outputPath === undefined ? (environment['PRUNECAST_OUTPUT_ROOT'] ?? process.cwd()) : dirname(outputPath),
    },
  };
}

// The current folder stands last: a request of `prunecast call` names things relative to it.
function withRoot(root: string | undefined, configured: string | undefined): string {
  return writeList([...(root === undefined ? [] : [root]), ...readList(configured ?? ''), process.cwd()]);
}

function toText(flag: string, rename: (path: string) => string): DeepPartial<Text> {
  return {
    source: flag.startsWith('@') ? { $case: 'inline', value: flag.slice(1) } : { $case: 'path', value: rename(flag) },
  };
}

/** The deepest folder that holds all files. */
function commonFolder(files: readonly string[]): string | undefined {
  const [first, ...others] = files.map((file) => dirname(file));
  return others.reduce<string | undefined>((root, folder) => {
    let common = root ?? sep;
    while (relative(common, folder).split(sep)[0] === '..') common = dirname(common);
    return common;
  }, first);
}
