import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { CheckpointFiles } from '../files/checkpoint-files.js';
import { CONFIG_FILE } from '../files/file-names.js';
import { malformed } from '../files/model-errors.js';
import { openWithin, type CheckpointPlace } from '../files/open-within.js';
import { isRecord, parseJsonObject } from '../files/read-json.js';

/**
 * Most files that are copied to an output. A Hugging Face folder has about ten; with a template per use and its own
 * code, about thirty.
 */
export const MAX_COMPANIONS = 256;

/** Most bytes of one of them. tokenizer.json has 33 MB in Gemma 3, tekken.json 20 MB. */
export const MAX_COMPANION_BYTES = 128 * 1024 * 1024;

/** Most bytes of all of them. */
export const MAX_TOTAL_BYTES = 512 * 1024 * 1024;

/** A checkpoint of some hundred shards has this many files beside its weights; names beyond that are not looked at. */
const MAX_FOLDER_FILES = 20_000;

/** A tokenizer's own code. The longest in transformers itself has 200 kB. */
const MAX_CODE_BYTES = 2 * 1024 * 1024;

const TEMPLATE_FOLDER = 'additional_chat_templates';

const TOKENIZER_CONFIG = 'tokenizer_config.json';

/** Recognises by name the terms of a model. */
export const LICENCE = /^(licen[cs]e|notice|copying|copyright|use_policy|acceptable_use_policy)([._-][\w.-]*)?$/i;

/** Recognises by name what belongs to a model but is neither its weights nor their configuration. */
const COMPANIONS: readonly RegExp[] = [
  /^(tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|tekken|chat_template|generation_config)\.json$/,
  // tokenizer.model, and tokenizer.model.v3 in Mistral's releases
  /^tokenizer\.model(\.[\w.-]+)?$/,
  /^(spiece|sentencepiece\.bpe)\.model$/,
  /^(merges|vocab)\.txt$/,
  /^[\w.-]+\.tiktoken$/,
  /^chat_template\.jinja$/,
  /^tokenization_\w+\.py$/,
  LICENCE,
];

/** What it reads from. */
export type CompanionSource = CheckpointPlace & Pick<CheckpointFiles, 'readBeside'>;

/**
 * Names of the files of a checkpoint that are copied unchanged to every output: the tokenizer with its own code and
 * chat templates, generation defaults, licences. Each has been opened, so that an unreadable file is found before any
 * work.
 *
 * @throws PrunecastError PATH_OUTSIDE_ROOTS, MODEL_MALFORMED if one is not a plain file, or if there are more or larger
 * files than any real model has
 */
export async function listCompanions(place: CompanionSource): Promise<readonly string[]> {
  const names = [...(await listNames(place)), ...(await listCode(place))];
  const found = [...new Set(names)].toSorted();
  if (found.length > MAX_COMPANIONS)
    throw malformed(
      found[MAX_COMPANIONS] ?? '',
      `is one of ${found.length} files of a tokenizer, its code, templates and licences; at most ${MAX_COMPANIONS} are copied to an output`,
    );
  let total = 0;
  const present: string[] = [];
  for (const file of found) {
    const bytes = await measureFile(place, file);
    if (bytes === undefined) continue;
    if (bytes > MAX_COMPANION_BYTES)
      throw malformed(file, `has ${bytes} bytes; at most ${MAX_COMPANION_BYTES} are copied to an output`);
    total += bytes;
    present.push(file);
  }
  if (total > MAX_TOTAL_BYTES)
    throw malformed(
      present[0] ?? '',
      `and ${present.length - 1} more files that belong to an output have ${total} bytes; at most ${MAX_TOTAL_BYTES} are copied`,
    );
  return present;
}

/** Folders that are links are not searched: nobody would check the names of their files. */
async function listNames({ directory }: CheckpointPlace): Promise<string[]> {
  const entries = await listFolder(directory, '.');
  const names = entries
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name)
    .filter((name) => COMPANIONS.some((companion) => companion.test(name)));
  if (!entries.some((entry) => entry.name === TEMPLATE_FOLDER && entry.isDirectory())) return names;
  const templates = (await listFolder(directory, TEMPLATE_FOLDER)).map(({ name }) => name);
  return [
    ...names,
    ...templates.filter((name) => /^[\w.-]+\.jinja$/.test(name)).map((name) => `${TEMPLATE_FOLDER}/${name}`),
  ];
}

async function listFolder(directory: string, folder: string): Promise<Dirent[]> {
  try {
    return (await readdir(join(directory, folder), { withFileTypes: true })).slice(0, MAX_FOLDER_FILES);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EACCES' || code === 'EPERM')
      throw malformed(folder, 'the folder may not be listed by the server: give the server read permission', {
        cause: error,
      });
    throw error;
  }
}

/** The modules that `auto_map` names for the tokenizer, and the modules beside them that they import. */
async function listCode(place: CompanionSource): Promise<string[]> {
  const waiting = [...(await readAutoMap(place, TOKENIZER_CONFIG)), ...(await readAutoMap(place, CONFIG_FILE))];
  const found = new Set<string>();
  for (let file = waiting.pop(); file !== undefined && found.size <= MAX_COMPANIONS; file = waiting.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    const code = new TextDecoder().decode(await place.readBeside(file, MAX_CODE_BYTES));
    waiting.push(...Array.from(code.matchAll(RELATIVE_IMPORT), ([, module]) => `${module}.py`));
  }
  return [...found];
}

/** Finds imports as transformers does: `from .module import name`. */
const RELATIVE_IMPORT = /^[ \t]*from[ \t]+\.([A-Za-z_]\w*)[ \t]+import\b/gm;

/**
 * `"AutoTokenizer": ["module.Slow", "module.Fast"]`, either may be null; a module of another repository
 * (`repo--module.Class`) is not in this folder.
 */
async function readAutoMap(place: CompanionSource, file: string): Promise<string[]> {
  const bytes = await place.readBeside(file, MAX_COMPANION_BYTES);
  const map = bytes === undefined ? undefined : parseLeniently(bytes, file)['auto_map'];
  const classes: unknown = isRecord(map) ? map['AutoTokenizer'] : undefined;
  return (Array.isArray(classes) ? classes : [classes]).flatMap((name: unknown) => {
    const module = typeof name === 'string' ? /^([A-Za-z_]\w*)\.\w+$/.exec(name)?.[1] : undefined;
    return module === undefined ? [] : [`${module}.py`];
  });
}

/** A tokenizer_config.json that does not parse is copied as it is; only the modules that it names stay unknown. */
function parseLeniently(bytes: Uint8Array, file: string): Readonly<Record<string, unknown>> {
  try {
    return parseJsonObject(bytes, file);
  } catch (error) {
    if (error instanceof PrunecastError && error.reason === 'MODEL_MALFORMED') return {};
    throw error;
  }
}

async function measureFile(place: CheckpointPlace, file: string): Promise<number | undefined> {
  const handle = await openWithin(place, file);
  if (handle === undefined) return undefined;
  try {
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}
