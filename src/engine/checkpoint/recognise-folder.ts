import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ForeignForm } from '../families/family.js';
import { FAMILIES } from '../families/find-family.js';
import { ADVISE_CONVERTING, ADVISE_MERGING } from '../files/advice.js';
import { CONFIG_FILE, INDEX_FILE } from '../files/file-names.js';

/**
 * Most entries of a folder that are looked at. A real checkpoint has fewer; the folder may be something else
 * altogether.
 */
const MOST_ENTRIES = 1000;

/** What a folder is instead of a checkpoint in safetensors files, by the names in it; the surest sign comes first. */
const KINDS: readonly ForeignForm[] = [
  {
    has: /^adapter_(?:config\.json|model\.(?:safetensors|bin))$/,
    is: (name) => `it has ${name}: it is an adapter (LoRA), not a whole model; ${ADVISE_MERGING}`,
  },
  ...FAMILIES.flatMap(({ foreignForms }) => foreignForms ?? []),
  {
    has: /^(?:pytorch_model|model).*\.(?:bin|pt|pth)$/,
    is: (name) => `it has ${name}, weights in PyTorch's own form; ${ADVISE_CONVERTING}`,
  },
  {
    has: /\.gguf$/i,
    is: (name) =>
      `it has ${name}, a GGUF file, which llama.cpp reads; take the safetensors checkpoint that it was made from`,
  },
  {
    has: /\.safetensors$/,
    is: (name) =>
      `it has ${name}, but no ${INDEX_FILE} that names it; fetch the index, or name a single file model.safetensors`,
  },
  {
    has: /^onnx$|\.onnx$/i,
    is: (name) => `it has ${name}, a graph for ONNX Runtime; take the safetensors checkpoint that it was made from`,
  },
];

/**
 * What a folder without config.json or without weights is: a folder of the hub's cache, an adapter, weights in another
 * format, the parent folder of a checkpoint, a file. undefined if it is none of these.
 */
export async function recogniseFolder(directory: string): Promise<string | undefined> {
  if (await isFile(directory)) return 'it is a file: name the folder that contains it';
  const entries = (await readdir(directory, { withFileTypes: true }).catch(() => [])).slice(0, MOST_ENTRIES);
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  if (folders.includes('snapshots')) {
    const revision = (await readdir(join(directory, 'snapshots'), { withFileTypes: true }).catch(() => [])).find(
      (entry) => entry.isDirectory(),
    );
    return `it is a folder of the hub's cache: name its snapshot${revision === undefined ? ', of which it has none; download it again with hf download' : `, snapshots/${revision.name}`}`;
  }
  const names = entries.map(({ name }) => name).toSorted();
  for (const { has, is } of KINDS) {
    const found = names.find((name) => has.test(name));
    if (found !== undefined) return is(found);
  }
  for (const folder of folders) {
    if (await isFile(join(directory, folder, CONFIG_FILE))) return `its folder ${folder} has one: name that`;
  }
  return undefined;
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
