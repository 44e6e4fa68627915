import type { LayerArchitecture, ModelShape } from '../../../core/model/shape.js';
import type { OpenedTensor, RowRange, StoredValues } from '../../../core/ports/exporter.js';
import {
  MAX_FFN_CHANNELS,
  MAX_HEADS,
  MAX_HEAD_DIM,
  MAX_HIDDEN,
  MAX_LAYERS,
  MAX_VOCABULARY,
} from '../../../engine/checkpoint/parse-config.js';
import type { RopeConfig } from '../../../engine/config/config.js';
import { MAX_POSITIONS } from '../../../engine/config/parse-rope.js';
import type { Family, LlamaCppArchitecture } from '../../../engine/families/family.js';
import { FAMILIES } from '../../../engine/families/find-family.js';
import { listTensors, nameBlockTensor, type TensorSpec } from '../../../engine/families/list-tensors.js';
import { malformed } from '../../../engine/files/model-errors.js';
import type { WeightSource } from '../../../engine/weights/layer-weights.js';
import { FREQUENCY_FACTORS, usualYarn } from './describe-model.js';
import { isPaired, nameWeight, pairRow } from './list-weights.js';
import { openMetadata, type Metadata } from './metadata.js';
import { PER_LAYER, ZERO_CHANNELS } from './plan-layers.js';
import type { GgufFile, StoredGgufTensor } from './read-gguf.js';
import { GGUF_FILE } from './write-gguf.js';

/** A tensor of a model, and what stands for it in the file. */
type Stored = TensorSpec & { readonly entry: StoredGgufTensor };

/** The model of a GGUF file, to compute with and tensor by tensor. */
export interface GgufWeights {
  readonly source: WeightSource;
  readonly tensors: readonly OpenedTensor[];
}

/**
 * The model of a GGUF file under the names of Hugging Face: rows in their order there, and halves of zeros as dropped
 * ones. Layers that the file leaves out are not known. Throws MODEL_MALFORMED.
 */
export async function describeWeights(file: GgufFile): Promise<GgufWeights> {
  const metadata = openMetadata(file);
  const { family, architecture } = findArchitecture(metadata.text('general.architecture'));
  const own = metadata.under(architecture.name);
  const written = readShape(file, own, family);
  const stored = matchTensors(file, family, written);
  const read = async (name: string): Promise<Float32Array> => {
    const spec = find(stored, name);
    const values = await file.read(spec.entry);
    return isPaired(spec, architecture) ? unpairRows(values, spec.shape, written.headDim) : values;
  };
  const shape = await dropZeros(written, (layer, part, kind) => read(nameBlockTensor(family, layer, part, kind)));
  const tensors = listTensors(family, shape).map(({ name, shape: sizes }): OpenedTensor => {
    const spec = find(stored, name);
    const headRows = isPaired(spec, architecture) ? written.headDim : undefined;
    return { name, shape: sizes, read: (rows) => readStored(file, spec.entry, headRows, rows) };
  });
  const source: WeightSource = {
    config: {
      shape,
      rmsNormEpsilon: own.number('attention.layer_norm_rms_epsilon'),
      rope: { theta: own.number('rope.freq_base'), scaling: await readScaling(file, own) },
      maxPositions: own.size('context_length', MAX_POSITIONS),
      slidingWindows: shape.layers.map(() => undefined),
      bosTokenId: undefined,
      endTokenIds: [],
    },
    tensors: new Map(), // of use to a training alone
    readTensor: read,
    readRows: (name, first, count) => file.read(find(stored, name).entry, first, count),
  };
  return { source, tensors };
}

/** @param headRows rows of a head, if they are stored in pairs: whole heads are read then */
async function readStored(
  file: GgufFile,
  entry: StoredGgufTensor,
  headRows: number | undefined,
  { first, count }: RowRange = { first: 0, count: entry.shape[0] ?? 1 },
): Promise<StoredValues> {
  if (headRows === undefined) return file.readStored(entry, first, count);
  const start = first - (first % headRows);
  const rows = Math.ceil((first + count - start) / headRows) * headRows;
  const { values, maxErrors } = await file.readStored(entry, start, rows);
  const width = values.length / rows;
  const cut = (stored: Float32Array): Float32Array =>
    unpairRows(stored, [rows], headRows).subarray((first - start) * width, (first - start + count) * width);
  return { values: cut(values), maxErrors: cut(maxErrors) };
}

function find(stored: ReadonlyMap<string, Stored>, name: string): Stored {
  const found = stored.get(name);
  if (found === undefined) throw new RangeError(`the model has no tensor ${name}`);
  return found;
}

/** The per-layer one runs like any without norms of queries and keys. */
function findArchitecture(name: string): { readonly family: Family; readonly architecture: LlamaCppArchitecture } {
  const own = FAMILIES.find(({ llamaCpp }) => llamaCpp.name === name);
  if (own !== undefined) return { family: own, architecture: own.llamaCpp };
  const plain = FAMILIES.find(({ queryKeyNorms }) => !queryKeyNorms);
  if (name === PER_LAYER.name && plain !== undefined) return { family: plain, architecture: PER_LAYER };
  const known = [...new Set(FAMILIES.map(({ llamaCpp }) => llamaCpp.name)), PER_LAYER.name];
  throw malformed(GGUF_FILE, `general.architecture is ${name}; those read are ${known.join(', ')}`);
}

/** The sizes in the metadata; the vocabulary and the biases are those of the tensors. */
function readShape({ tensors }: GgufFile, own: Metadata, family: Family): ModelShape {
  const count = own.size('block_count', MAX_LAYERS);
  const queryHeads = own.sizes('attention.head_count', count, MAX_HEADS);
  const kvHeads = own.sizes('attention.head_count_kv', count, MAX_HEADS);
  const ffnChannels = own.sizes('feed_forward_length', count, MAX_FFN_CHANNELS);
  const layers = kvHeads.map((kv, layer): LayerArchitecture => {
    const queries = queryHeads[layer] as number;
    if (kv === 0 ? queries !== 0 : queries === 0 || queries % kv !== 0)
      throw malformed(GGUF_FILE, `layer ${layer} has ${queries} query heads for ${kv} key-value heads`);
    return { kvHeads: kv, queryHeadsPerKv: kv === 0 ? 0 : queries / kv, ffnChannels: ffnChannels[layer] as number };
  });
  const hasBias = (part: 'query' | 'output' | 'down'): boolean =>
    layers.some((_, layer) => tensors.has(nameWeight({ layer, part, kind: 'bias' })));
  const has = (part: 'embedding' | 'head'): StoredGgufTensor | undefined =>
    tensors.get(nameWeight({ layer: undefined, part, kind: 'weight' }));
  return {
    family: family.id,
    hidden: own.size('embedding_length', MAX_HIDDEN),
    headDim: own.size('attention.key_length', MAX_HEAD_DIM),
    vocabulary: Math.min(has('embedding')?.shape[0] ?? 0, MAX_VOCABULARY),
    tiedEmbeddings: has('head') === undefined,
    biases: { queryKeyValue: hasBias('query'), attentionOutput: hasBias('output'), ffn: hasBias('down') },
    queryKeyNorms: family.queryKeyNorms,
    layers,
  };
}

/** Every tensor that the sizes ask for, by its name in Hugging Face files. Throws for one more or less, or of another shape. */
function matchTensors({ tensors }: GgufFile, family: Family, shape: ModelShape): ReadonlyMap<string, Stored> {
  const known = new Set([FREQUENCY_FACTORS]);
  const stored = listTensors(family, shape).map((spec): Stored => {
    const name = nameWeight(spec);
    const entry = tensors.get(name);
    if (entry === undefined) throw malformed(GGUF_FILE, 'is missing', { tensor: name });
    if (entry.shape.join() !== spec.shape.join())
      throw malformed(
        GGUF_FILE,
        `has the shape ${entry.shape.join(' x ')}; the metadata ask for ${spec.shape.join(' x ')}`,
        { tensor: name },
      );
    known.add(name);
    return { ...spec, entry };
  });
  const stray = [...tensors.keys()].find((name) => !known.has(name));
  if (stray !== undefined) throw malformed(GGUF_FILE, 'belongs to no part of the model', { tensor: stray });
  return new Map(stored.map((spec) => [spec.name, spec]));
}

type ReadPart = (layer: number, part: 'output' | 'down', kind: 'weight' | 'bias') => Promise<Float32Array>;

/** The shape whose halves of zeros are dropped; what their biases add is left. */
async function dropZeros(written: ModelShape, read: ReadPart): Promise<ModelShape> {
  let leavesBias = false;
  const isNothing = async (layer: number, part: 'output' | 'down', hasBias: boolean): Promise<boolean> => {
    const isEmpty = isZero(await read(layer, part, 'weight'));
    if (isEmpty && hasBias && !isZero(await read(layer, part, 'bias'))) leavesBias = true;
    return isEmpty;
  };
  const { biases } = written;
  const layers: LayerArchitecture[] = [];
  for (const [index, layer] of written.layers.entries()) {
    const { kvHeads, ffnChannels } = layer;
    const noHeads = kvHeads === 1 && (await isNothing(index, 'output', biases.attentionOutput));
    const noChannels = ffnChannels === ZERO_CHANNELS && (await isNothing(index, 'down', biases.ffn));
    layers.push({
      ...layer,
      ...(noHeads ? { kvHeads: 0, queryHeadsPerKv: 0 } : {}),
      ...(noChannels ? { ffnChannels: 0 } : {}),
    });
  }
  return { ...written, layers, ...(leavesBias ? { droppedBiases: true } : {}) };
}

function isZero(values: Float32Array): boolean {
  return values.every((value) => value === 0);
}

/** Undoes `pairRow`, for a matrix or a bias. */
function unpairRows(values: Float32Array, [rows = 0]: readonly number[], headDim: number): Float32Array {
  const width = values.length / rows;
  const unpaired = new Float32Array(values.length);
  for (let row = 0; row < rows; row += 1) {
    const at = pairRow(row, headDim) * width;
    unpaired.set(values.subarray(at, at + width), row * width);
  }
  return unpaired;
}

/** As llama.cpp reads it: factors of frequencies by a tensor, others by the metadata. */
async function readScaling(file: GgufFile, own: Metadata): Promise<RopeConfig['scaling']> {
  const tensor = file.tensors.get(FREQUENCY_FACTORS);
  if (tensor !== undefined) return { kind: 'factors', factors: await file.read(tensor) };
  if (!own.has('rope.scaling.type')) return undefined;
  const kind = own.text('rope.scaling.type');
  const factor = own.number('rope.scaling.factor');
  if (kind === 'linear') return { kind, factor };
  if (kind !== 'yarn') throw malformed(GGUF_FILE, `rope.scaling.type is ${kind}; those read are linear and yarn`);
  return {
    kind,
    factor,
    ...usualYarn(factor),
    originalMaxPositions: own.size('rope.scaling.original_context_length', MAX_POSITIONS),
  };
}
