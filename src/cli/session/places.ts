import { existsSync, mkdirSync } from 'node:fs';
import { basename, dirname, relative, resolve, sep } from 'node:path';
import type { JsonObject } from '../flags/request-option.js';
import { readList, writeList } from './environment-list.js';

/** Paths as a user gave them. */
export interface GivenPaths {
  readonly model?: string;
  /** Files, or `@` and the text itself. */
  readonly texts?: readonly string[];
  readonly output?: string;
  readonly earlierOutputs?: readonly string[];
}

/** The same as a server knows them. */
export interface Places {
  readonly model: string;
  /** An output, to write or earlier. */
  readonly toOutput: (path: string) => string;
  /** A text as a flag gives it, in proto JSON. */
  readonly toText: (flag: string) => JsonObject;
  /** Settings for a server that is started for the call; empty with `--address`. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Names for a running server: relative to its own roots, so they stay as given. */
export function placeAtServer({ model = '' }: GivenPaths): Places {
  return { model, toOutput: (path) => path, toText: (flag) => toText(flag, (path) => path), environment: {} };
}

/**
 * Names for a server that is started for the call, with roots that make them true: the parent folder of the model, the
 * folder that all outputs lie under, and the folder that all texts lie under. What does not exist keeps its name, and
 * the server says what is missing.
 *
 * Roots that the environment sets already (PRUNECAST_MODEL_ROOTS, ...) come after these.
 */
export function placeLocally(
  { model, texts = [], output, earlierOutputs = [] }: GivenPaths,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Places {
  const modelPath = model !== undefined && existsSync(model) ? resolve(model) : undefined;
  const textPaths = texts.filter((text) => !text.startsWith('@') && existsSync(text)).map((text) => resolve(text));
  const textRoot = commonFolder(textPaths);
  if (output !== undefined) mkdirSync(dirname(resolve(output)), { recursive: true });
  const outputPaths = [...(output === undefined ? [] : [output]), ...earlierOutputs].map((path) => resolve(path));
  const outputRoot = commonFolder(outputPaths) ?? environment['PRUNECAST_OUTPUT_ROOT'] ?? process.cwd();
  return {
    model: modelPath === undefined ? (model ?? '') : basename(modelPath),
    toOutput: (path) => relative(outputRoot, resolve(path)),
    toText: (flag) =>
      toText(flag, (path) => (textRoot !== undefined && existsSync(path) ? relative(textRoot, resolve(path)) : path)),
    environment: {
      PRUNECAST_MODEL_ROOTS: withRoot(
        modelPath === undefined ? undefined : dirname(modelPath),
        environment['PRUNECAST_MODEL_ROOTS'],
      ),
      // The user who runs the server is the one who calls it: links may lead wherever that user may read.
      PRUNECAST_MODEL_LINKS: 'anywhere',
      PRUNECAST_DATA_ROOTS: withRoot(textRoot, environment['PRUNECAST_DATA_ROOTS']),
      PRUNECAST_DATA_LINKS: 'anywhere',
      PRUNECAST_OUTPUT_ROOT: outputRoot,
    },
  };
}

// The current folder comes last: a request of `prunecast call` names things relative to it.
function withRoot(root: string | undefined, configured: string | undefined): string {
  return writeList([...(root === undefined ? [] : [root]), ...readList(configured ?? ''), process.cwd()]);
}

function toText(flag: string, rename: (path: string) => string): JsonObject {
  return flag.startsWith('@') ? { inline: flag.slice(1) } : { path: rename(flag) };
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
