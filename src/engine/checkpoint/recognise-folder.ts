import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ForeignForm } from '../families/family.js';
import { FAMILIES } from '../families/find-family.js';
import { ADVISE_CONVERTING, ADVISE_MERGING } from '../files/advice.js';
import { CONFIG_FILE, INDEX_FILE, SINGLE_FILE } from '../files/file-names.js';

/**
 * Most entries of a folder that are looked at. A real checkpoint has fewer; the folder may be something else
 * altogether.
 */
const MOST_ENTRIES = 1000;

const GRAPH: ForeignForm = {
  has: /^onnx$|\.onnx$/i,
  is: (name) => `it has ${name}, a graph for ONNX Runtime; take the safetensors checkpoint that it was made from`,
};

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
  GRAPH,
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
  // The folder above: an output in several forms has other files and folders too, which say less.
  const checkpoint = await findFolder(folders, (folder) => isCheckpoint(join(directory, folder)));
  if (checkpoint !== undefined) return `its folder ${checkpoint} is a checkpoint: name that`;
  const names = entries.map(({ name }) => name).toSorted();
  const kind = findKind(names);
  if (kind !== undefined) return kind.is(names.find((name) => kind.has.test(name)) ?? '');
  const configured = await findFolder(folders, (folder) => isFile(join(directory, folder, CONFIG_FILE)));
  return configured === undefined ? undefined : `its folder ${configured} has one: name that`;
}

/** Whether a folder with a config.json holds a graph for ONNX Runtime, and weights in no other form. */
export async function isGraphFolder(directory: string): Promise<boolean> {
  return findKind((await readdir(directory).catch(() => [])).slice(0, MOST_ENTRIES)) === GRAPH;
}

function findKind(names: readonly string[]): ForeignForm | undefined {
  return KINDS.find(({ has }) => names.some((name) => has.test(name)));
}

async function findFolder(
  folders: readonly string[],
  isSought: (folder: string) => Promise<boolean>,
): Promise<string | undefined> {
  for (const folder of folders.toSorted()) if (await isSought(folder)) return folder;
  return undefined;
}

/** Whether a folder has the configuration and the weights of one. */
async function isCheckpoint(directory: string): Promise<boolean> {
  const hasFile = (name: string): Promise<boolean> => isFile(join(directory, name));
  return (await hasFile(CONFIG_FILE)) && ((await hasFile(SINGLE_FILE)) || (await hasFile(INDEX_FILE)));
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
