import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { dropNonFinite } from '../config/config-fields.js';
import type { Family } from '../families/family.js';
import { findFamily } from '../families/find-family.js';
import { createCheckpointFiles, type CheckpointFiles } from '../files/checkpoint-files.js';
import { digestOf } from '../files/digest.js';
import { CONFIG_FILE, INDEX_FILE, SINGLE_FILE, TOKENIZER_FILE } from '../files/file-names.js';
import { malformed, unsupported } from '../files/model-errors.js';
import { readJsonObject } from '../files/read-json.js';
import type { Checkpoint, StoredTensor } from './checkpoint.js';
import { findDifference } from './compare-tensors.js';
import { matchTensors, type MatchedTensors, type StoredTensors } from './match-tensors.js';
import { readNumberBytes } from './number-bytes.js';
import { MAX_CONFIG_BYTES, parseConfig } from './parse-config.js';
import { recogniseFolder } from './recognise-folder.js';
import { readSafetensorsHeader } from './safetensors-header.js';
import { MAX_INDEX_BYTES, parseSafetensorsIndex } from './safetensors-index.js';
import { createTensorReader } from './tensor-reader.js';

/**
 * Opens a Hugging Face folder and checks it before any work: configuration, headers, and that every tensor which the
 * family requires is there in the right shape. Weights are read only when asked for, from files that stay open until
 * `close`.
 *
 * Throws MODEL_NOT_FOUND if there is no config.json, MODEL_MALFORMED and MODEL_UNSUPPORTED, MODEL_CHANGED if it is
 * written at the same time, and PATH_OUTSIDE_ROOTS if a link leads out of `roots`.
 */
export async function openCheckpoint(
  directory: string,
  { roots, signal, report }: { readonly roots?: readonly string[] } & Partial<WorkContext> = {},
): Promise<Checkpoint> {
  const files = createCheckpointFiles({ directory, ...(roots === undefined ? {} : { roots }) });
  try {
    const { written, config, weights, matched, family } = await readHeaders(files);
    const { kept: rawConfig, dropped } = dropNonFinite(written);
    const { tensors } = matched;
    await requireTied(files, matched, family);
    const shape = { ...config.shape, numberBytes: readNumberBytes(family, config.shape, tensors) };
    const digests: Record<string, string> = {};
    const weightBytes = sumSizes(weights);
    let hashed = 0;
    for (const [file, size] of weights.sizes) {
      const before = hashed;
      const tell = (done: number): void =>
        report?.({ activity: 'hashing the checkpoint', what: 'bytes', done: before + done, total: weightBytes });
      digests[file] = await files.digest(file, { ...(signal === undefined ? {} : { signal }), tell });
      hashed += size;
    }
    return {
      directory,
      files,
      shape,
      config: { ...config, shape },
      rawConfig,
      digest: digestOf({ config: rawConfig, files: digests }),
      weightBytes,
      tensors,
      notes: [
        ...matched.notes,
        ...(dropped.length === 0
          ? []
          : [
              `${CONFIG_FILE} has NaN or an infinity in ${dropped.join(', ').slice(0, 200)}: outputs leave these entries out`,
            ]),
      ],
      ...createTensorReader(files, tensors),
      close: () => files.close(),
    };
  } finally {
    await files.close(); // nothing is read until a computation starts
  }
}

/** What is known of a checkpoint without reading its weights. */
export interface CheckpointSurvey extends Pick<Checkpoint, 'shape' | 'weightBytes'> {
  readonly hasTokenizer: boolean;
}

/** Checks a folder as `openCheckpoint` does, apart from what needs the weights themselves, and throws as it does. */
export async function surveyCheckpoint(
  directory: string,
  { roots }: { readonly roots?: readonly string[] },
): Promise<CheckpointSurvey> {
  const files = createCheckpointFiles({ directory, ...(roots === undefined ? {} : { roots }) });
  try {
    const { config, weights, matched, family } = await readHeaders(files);
    return {
      shape: { ...config.shape, numberBytes: readNumberBytes(family, config.shape, matched.tensors) },
      weightBytes: sumSizes(weights),
      hasTokenizer: await files.has(TOKENIZER_FILE),
    };
  } finally {
    await files.close();
  }
}

/** Reads the configuration and the headers, and matches them. */
async function readHeaders(files: CheckpointFiles) {
  const written = await readJsonObject(files, CONFIG_FILE, MAX_CONFIG_BYTES);
  if (written === undefined)
    throw new PrunecastError(
      'MODEL_NOT_FOUND',
      `the folder has no ${CONFIG_FILE}: ${(await recogniseFolder(files.directory)) ?? 'name a Hugging Face checkpoint folder'}`,
    );
  const config = parseConfig(written);
  const weights = await readAllHeaders(files);
  const matched = matchTensors(config, weights.stored);
  return { written, config, weights, matched, family: findFamily(config.shape.family) };
}

function sumSizes({ sizes }: Weights): number {
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/** What the weight files hold, and their sizes. */
interface Weights {
  readonly stored: StoredTensors;
  readonly sizes: ReadonlyMap<string, number>;
}

async function readAllHeaders(files: CheckpointFiles): Promise<Weights> {
  const sizes = new Map<string, number>();
  const readHeader = (file: string): Promise<readonly StoredTensor[]> =>
    files.use(file, async (handle) => {
      sizes.set(file, (await handle.stat()).size);
      return readSafetensorsHeader(handle, file);
    });
  if (await files.has(SINGLE_FILE))
    return { stored: { present: await readHeader(SINGLE_FILE), absent: new Map() }, sizes };
  const index = await readJsonObject(files, INDEX_FILE, MAX_INDEX_BYTES);
  if (index === undefined)
    throw malformed(
      SINGLE_FILE,
      `does not exist, nor does ${INDEX_FILE}: ${(await recogniseFolder(files.directory)) ?? 'weights are read from safetensors files'}`,
    );
  const fileOf = parseSafetensorsIndex(index);
  const present: StoredTensor[] = [];
  for (const file of new Set(fileOf.values())) if (await files.has(file)) present.push(...(await readHeader(file)));
  const found = new Map(present.map(({ name, file }) => [name, file]));
  const absent = new Map<string, string>();
  for (const [tensor, file] of fileOf) {
    const other = found.get(tensor);
    if (other === undefined)
      absent.set(tensor, `${file}, which ${sizes.has(file) ? 'does not have it' : 'is not in the folder'}`);
    else if (other !== file) throw malformed(INDEX_FILE, `should be in ${file}, but is in ${other}`, { tensor });
  }
  return { stored: { present, absent }, sizes };
}

/**
 * A head that is stored although it is tied must equal the embeddings: runtimes disagree about which of the two tables
 * counts.
 */
async function requireTied(
  files: CheckpointFiles,
  { tensors, tiedHead }: MatchedTensors,
  family: Family,
): Promise<void> {
  const embedding = tensors.get(`${family.names.embedding}.weight`);
  if (tiedHead === undefined || embedding === undefined) return;
  const place = await findDifference(files, embedding, tiedHead);
  if (place === undefined) return;
  throw unsupported(
    tiedHead.file,
    'tie_word_embeddings',
    `differs from ${embedding.name}, first at [${place.join(', ')}], but ${CONFIG_FILE} has tie_word_embeddings true: some runtimes use the stored head, others the embeddings. Set tie_word_embeddings to false to keep the head, or delete ${tiedHead.name} from the file to tie it`,
    { tensor: tiedHead.name },
  );
}
