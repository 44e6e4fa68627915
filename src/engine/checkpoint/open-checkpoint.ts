import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { digestOf } from '../digest.js';
import { findFamily } from '../families/find-family.js';
import { listTensors } from '../families/list-tensors.js';
import type { Checkpoint, TensorEntry } from './checkpoint.js';
import { createCheckpointFiles, type CheckpointFiles } from './checkpoint-files.js';
import { CONFIG_FILE } from './config-fields.js';
import type { ModelConfig } from './config.js';
import { malformed, show, unsupported } from './model-errors.js';
import { MAX_CONFIG_BYTES, parseConfig } from './parse-config.js';
import { readJsonObject } from './read-json.js';
import { readSafetensorsHeader } from './safetensors-header.js';
import { INDEX_FILE, MAX_INDEX_BYTES, parseSafetensorsIndex, SINGLE_FILE } from './safetensors-index.js';
import { createTensorReader } from './tensor-reader.js';

/**
 * Opens a Hugging Face folder and checks it before any work: configuration, headers, and that every tensor which the
 * family asks for is there in the right shape. Weights are read only when asked for, from files that stay open until `close`.
 *
 * Tensors that belong to nothing are refused (they mean another model than config.json says), but for those that older
 * tools leave behind: rotary frequencies, and a head beside tied embeddings.
 *
 * Throws MODEL_NOT_FOUND where there is no config.json, MODEL_MALFORMED and MODEL_UNSUPPORTED, MODEL_CHANGED where it is
 * written meanwhile, and PATH_OUTSIDE_ROOTS where a link leads out of `roots`.
 */
export async function openCheckpoint(directory: string, { roots, signal }: { readonly roots?: readonly string[]; readonly signal?: AbortSignal } = {}): Promise<Checkpoint> {
  const files = createCheckpointFiles({ directory, ...(roots === undefined ? {} : { roots }) });
  try {
    const rawConfig = await readJsonObject(files, CONFIG_FILE, MAX_CONFIG_BYTES);
    if (rawConfig === undefined) throw new PrunecastError('MODEL_NOT_FOUND', `the folder has no ${CONFIG_FILE}: name a Hugging Face checkpoint folder`);
    const config = parseConfig(rawConfig);
    const weights = await readAllHeaders(files);
    const tensors = matchTensors(config, weights.tensors);
    const digests: Record<string, string> = {};
    for (const file of weights.sizes.keys()) digests[file] = await files.digest(file, signal);
    return {
      directory,
      files,
      shape: config.shape,
      config,
      rawConfig,
      digest: digestOf({ config: rawConfig, files: digests }),
      weightBytes: [...weights.sizes.values()].reduce((sum, size) => sum + size, 0),
      tensors,
      ...createTensorReader(files, tensors),
      close: () => files.close(),
    };
  } finally {
    await files.close(); // nothing is read until somebody computes
  }
}

/** The tensors that are there by name, and the weight files with their sizes. */
interface Weights {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly sizes: ReadonlyMap<string, number>;
}

async function readAllHeaders(files: CheckpointFiles): Promise<Weights> {
  const sizes = new Map<string, number>();
  const readHeader = (file: string): Promise<readonly TensorEntry[]> => files.use(file, async (handle) => {
    sizes.set(file, (await handle.stat()).size);
    return readSafetensorsHeader(handle, file);
  });
  if (await files.has(SINGLE_FILE)) return { tensors: new Map((await readHeader(SINGLE_FILE)).map((entry) => [entry.name, entry])), sizes };
  const index = await readJsonObject(files, INDEX_FILE, MAX_INDEX_BYTES);
  if (index === undefined) throw malformed(SINGLE_FILE, `is not there, nor is ${INDEX_FILE}: weights are read from safetensors files`);
  const fileOf = parseSafetensorsIndex(index);
  const tensors = new Map<string, TensorEntry>();
  for (const file of new Set(fileOf.values())) {
    if (!(await files.has(file))) throw malformed(INDEX_FILE, `names ${show(file)}, which is not in the folder`);
    for (const entry of await readHeader(file)) {
      const other = tensors.get(entry.name);
      if (other !== undefined) throw malformed(file, `lies in ${other.file} too`, { tensor: entry.name });
      tensors.set(entry.name, entry);
    }
  }
  for (const [tensor, file] of fileOf) {
    const found = tensors.get(tensor)?.file;
    if (found !== file) throw malformed(INDEX_FILE, `should lie in ${file}, but ${found === undefined ? 'does not' : `lies in ${found}`}`, { tensor });
  }
  return { tensors, sizes };
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
