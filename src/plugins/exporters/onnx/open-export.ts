import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Architecture, ModelShape } from '../../../core/model/shape.js';
import type { OpenedExport, WeightStorage } from '../../../core/ports/exporter.js';
import type { WorkContext } from '../../../core/ports/work-context.js';
import { MAX_CONFIG_BYTES, parseConfig } from '../../../engine/checkpoint/parse-config.js';
import type { BlockPart } from '../../../engine/families/family.js';
import { findFamily } from '../../../engine/families/find-family.js';
import { listTensors, nameBlockTensor } from '../../../engine/families/list-tensors.js';
import { createCheckpointFiles } from '../../../engine/files/checkpoint-files.js';
import { CONFIG_FILE } from '../../../engine/files/file-names.js';
import { malformed } from '../../../engine/files/model-errors.js';
import { readJsonObject } from '../../../engine/files/read-json.js';
import { type DescribedTensor, readOnnxTensors } from '../../../engine/graph/read-onnx.js';
import { detectThreads } from '../../../engine/runtime/resource-limits.js';
import { GRAPH_FILES, GRAPH_FOLDER } from './graph-files.js';
import { listStored, storedName } from './list-stored.js';
import type { MatrixType } from './matrix-type.js';
import { readStored } from './read-stored.js';

type Tensors = ReadonlyMap<string, DescribedTensor>;

/** How each type of matrices is stored. */
const STORAGE: Readonly<Record<MatrixType, WeightStorage>> = {
  float32: { type: 'float32', rounding: 2 ** -24 },
  float16: { type: 'float16', rounding: 2 ** -11 },
  int8: { type: 'int8', rounding: 1 / 254 },
};

/** Opens a folder with a graph by ONNX Runtime: config.json, the graph, and the files of weights beside it. */
export async function openGraphExport(directory: string, work: WorkContext): Promise<OpenedExport> {
  const place = { directory, roots: [directory] };
  const files = createCheckpointFiles(place);
  const config = await readJsonObject(files, CONFIG_FILE, MAX_CONFIG_BYTES).finally(() => files.close());
  if (config === undefined) throw malformed(CONFIG_FILE, 'is missing');
  const [type, file] = await findGraph(directory);
  const tensors = await readOnnxTensors(place, file);
  refuseFormerLayout(tensors, file);
  const { shape: written } = parseConfig(config);
  const layers = readArchitecture(written, tensors, type, file);
  const shape = { ...written, ...findBiases(written, layers, tensors), layers };
  requireTensors(shape, tensors, type, file);
  const weights = readStored(files, tensors, shape, type);
  // Loads its thread only here: other uses of the exporter do not compute.
  const { startDecoderThread } = await import('../../../engine/workers/decoder-thread.js');
  const thread = startDecoderThread({ path: join(directory, file), threads: detectThreads() });
  try {
    await thread.call('load', undefined, work);
  } catch (cause) {
    await thread.close();
    work.signal.throwIfAborted();
    throw malformed(file, `ONNX Runtime does not load it: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  const { hidden, headDim, vocabulary } = shape;
  return {
    shape: { hidden, headDim, vocabulary },
    architecture: layers,
    storage: STORAGE[type],
    tensors: weights,
    logits: (tokens) => thread.call('logits', tokens, work),
    close: async () => {
      await thread.close();
      await files.close();
    },
  };
}

/** 8-bit matrices were stored [in, out] until they could be written a part at a time. */
function refuseFormerLayout(tensors: Tensors, file: string): void {
  const former = [...tensors.keys()].find((name) => name.endsWith('_quantized'));
  if (former === undefined) return;
  throw malformed(
    file,
    'is in 8 bits as an earlier version stored them, which is read no more: write the output again',
    {
      tensor: former,
    },
  );
}

async function findGraph(directory: string): Promise<readonly [MatrixType, string]> {
  const names = await readdir(join(directory, GRAPH_FOLDER)).catch((): string[] => []);
  const found = (Object.entries(GRAPH_FILES) as [MatrixType, string][]).find(([, file]) => names.includes(file));
  if (found === undefined) throw malformed(GRAPH_FOLDER, `has none of ${Object.values(GRAPH_FILES).join(', ')}`);
  return [found[0], `${GRAPH_FOLDER}/${found[1]}`];
}

/** What each layer keeps, by the rows of its matrices. */
function readArchitecture(
  { family: id, headDim, layers }: ModelShape,
  tensors: Tensors,
  type: MatrixType,
  file: string,
): Architecture {
  const family = findFamily(id);
  return layers.map((_, layer) => {
    const rowsOf = (part: BlockPart): number =>
      tensors.get(storedName(nameBlockTensor(family, layer, part), type))?.shape[0] ?? 0;
    const [kvHeads, queryHeads] = [rowsOf('key') / headDim, rowsOf('query') / headDim];
    const queryHeadsPerKv = kvHeads === 0 ? 0 : queryHeads / kvHeads;
    if (!Number.isInteger(kvHeads) || !Number.isInteger(queryHeadsPerKv))
      throw malformed(
        file,
        `layer ${layer} has ${rowsOf('query')} rows of queries and ${rowsOf('key')} of keys, which are no whole heads of ${headDim}`,
      );
    return { kvHeads, queryHeadsPerKv, ffnChannels: rowsOf('gate') };
  });
}

/** The biases that a compensation may have added to those of the family. */
function findBiases(
  { family: id, biases }: ModelShape,
  layers: Architecture,
  tensors: Tensors,
): Pick<ModelShape, 'biases' | 'droppedBiases'> {
  const has = (part: 'output' | 'down', kept: boolean): boolean =>
    layers.some(
      ({ kvHeads, ffnChannels }, layer) =>
        tensors.has(nameBlockTensor(findFamily(id), layer, part, 'bias')) &&
        (part === 'output' ? kvHeads : ffnChannels) > 0 === kept,
    );
  return {
    biases: { ...biases, attentionOutput: has('output', true), ffn: has('down', true) },
    droppedBiases: has('output', false) || has('down', false),
  };
}

function requireTensors(shape: ModelShape, tensors: Tensors, type: MatrixType, file: string): void {
  const stored = listTensors(findFamily(shape.family), shape).flatMap((tensor) => listStored(tensor, type));
  for (const { name, type: wanted, shape: sizes } of stored) {
    const found = tensors.get(name);
    if (found === undefined) throw malformed(file, 'is missing', { tensor: name });
    if (found.shape.join() !== sizes.join() || found.type !== wanted)
      throw malformed(
        file,
        `is ${found.type ?? 'of another type'} [${found.shape.join(', ')}]; it must be ${wanted} [${sizes.join(', ')}]`,
        { tensor: name },
      );
  }
}
