import { open, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { digestOf } from '../digest.js';
import { findFamily } from '../families/find-family.js';
import { listTensors } from '../families/list-tensors.js';
import type { Checkpoint, TensorEntry } from './checkpoint.js';
import { CONFIG_FILE } from './config-fields.js';
import type { ModelConfig } from './config.js';
import { cutRows } from './cut-rows.js';
import { digestFile } from './digest-file.js';
import { malformed, show, unsupported } from './model-errors.js';
import { MAX_CONFIG_BYTES, parseConfig } from './parse-config.js';
import { readFully } from './read-fully.js';
import { readJsonObject } from './read-json.js';
import { readValues } from './read-values.js';
import { readSafetensorsHeader } from './safetensors-header.js';
import { INDEX_FILE, MAX_INDEX_BYTES, parseSafetensorsIndex, SINGLE_FILE } from './safetensors-index.js';

/**
 * Opens a Hugging Face folder and checks it before any work: configuration, headers, and that every tensor which the
 * family asks for is there in the right shape. Weights are read only when asked for; the files stay open until `close`.
 *
 * Tensors that belong to nothing are refused (they mean another model than config.json says), but for those that older
 * tools leave behind: rotary frequencies, and a head beside tied embeddings.
 *
 * Throws MODEL_NOT_FOUND where there is no config.json, MODEL_MALFORMED and MODEL_UNSUPPORTED.
 */
export async function openCheckpoint(directory: string, options: { readonly signal?: AbortSignal } = {}): Promise<Checkpoint> {
  const rawConfig = await readJsonObject(directory, CONFIG_FILE, MAX_CONFIG_BYTES);
  if (rawConfig === undefined) throw new PrunecastError('MODEL_NOT_FOUND', `the folder has no ${CONFIG_FILE}: name a Hugging Face checkpoint folder`);
  const config = parseConfig(rawConfig);
  const handles = new Map<string, FileHandle>();
  const close = async (): Promise<void> => {
    await Promise.all(Array.from(handles.values(), (handle) => handle.close()));
  };
  try {
    const present = await readAllHeaders(directory, handles);
    const tensors = matchTensors(config, present);
    const files: Record<string, string> = {};
    for (const file of handles.keys()) files[file] = await digestFile(join(directory, file), options.signal);
    const locate = (name: string): { entry: TensorEntry; handle: FileHandle } => {
      const entry = tensors.get(name);
      const handle = entry === undefined ? undefined : handles.get(entry.file);
      if (entry === undefined || handle === undefined) throw new RangeError(`the checkpoint has no tensor ${name}`);
      return { entry, handle };
    };
    return {
      directory,
      shape: config.shape,
      config,
      rawConfig,
      digest: digestOf({ config: rawConfig, files }),
      tensors,
      readTensor: async (name) => {
        const { entry, handle } = locate(name);
        return readValues(handle, entry);
      },
      readRows: async (name, first, count) => {
        const { entry, handle } = locate(name);
        return readValues(handle, cutRows(entry, first, count));
      },
      readBytes: async (name) => {
        const { entry, handle } = locate(name);
        const bytes = new Uint8Array(entry.bytes);
        await readFully(handle, bytes, entry.offset, entry.file);
        return bytes;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function readAllHeaders(directory: string, handles: Map<string, FileHandle>): Promise<Map<string, TensorEntry>> {
  const single = await openWeights(directory, SINGLE_FILE);
  if (single !== undefined) {
    handles.set(SINGLE_FILE, single);
    return new Map((await readSafetensorsHeader(single, SINGLE_FILE)).map((entry) => [entry.name, entry]));
  }
  const index = await readJsonObject(directory, INDEX_FILE, MAX_INDEX_BYTES);
  if (index === undefined) throw malformed(SINGLE_FILE, `is not there, nor is ${INDEX_FILE}: weights are read from safetensors files`);
  const fileOf = parseSafetensorsIndex(index);
  const present = new Map<string, TensorEntry>();
  for (const file of new Set(fileOf.values())) {
    const handle = await openWeights(directory, file);
    if (handle === undefined) throw malformed(INDEX_FILE, `names ${show(file)}, which is not in the folder`);
    handles.set(file, handle);
    for (const entry of await readSafetensorsHeader(handle, file)) {
      const other = present.get(entry.name);
      if (other !== undefined) throw malformed(file, `lies in ${other.file} too`, { tensor: entry.name });
      present.set(entry.name, entry);
    }
  }
  for (const [tensor, file] of fileOf) {
    const found = present.get(tensor)?.file;
    if (found !== file) throw malformed(INDEX_FILE, `should lie in ${file}, but ${found === undefined ? 'does not' : `lies in ${found}`}`, { tensor });
  }
  return present;
}

async function openWeights(directory: string, file: string): Promise<FileHandle | undefined> {
  const path = join(directory, file);
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return undefined;
  if (!found.isFile()) throw malformed(file, 'is not a plain file');
  return open(path);
}

function matchTensors(config: ModelConfig, present: ReadonlyMap<string, TensorEntry>): ReadonlyMap<string, TensorEntry> {
  const family = findFamily(config.shape.family);
  const tensors = new Map<string, TensorEntry>();
  for (const spec of listTensors(family, config.shape)) {
    const entry = present.get(spec.name);
    const wanted = show(spec.shape);
    if (entry === undefined) throw malformed(CONFIG_FILE, `is asked for with shape ${wanted}, but is in no weight file`, { tensor: spec.name });
    if (show(entry.shape) !== wanted) {
      throw malformed(entry.file, `has shape ${show(entry.shape)}; ${CONFIG_FILE} asks for ${wanted}`, { tensor: spec.name });
    }
    tensors.set(spec.name, entry);
  }
  for (const { name, file } of present.values()) {
    if (tensors.has(name) || name.endsWith('.rotary_emb.inv_freq') || (name === `${family.names.head}.weight` && config.shape.tiedEmbeddings)) continue;
    throw unsupported(file, `tensor ${name.slice(0, 80)}`, `belongs to nothing that a ${family.id} model of this ${CONFIG_FILE} has`, { tensor: name });
  }
  return tensors;
}
