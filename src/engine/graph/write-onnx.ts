import { basename, join } from 'node:path';
import type { ExportSummary, FileSizes } from '../../core/ports/exporter.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { GraphProto, ModelProto, TensorProto, TensorProto_DataLocation } from '../../gen/onnx/onnx.js';
import { createPieceMemory } from '../checkpoint/piece-memory.js';
import { readPieces, type ReadableRows } from '../checkpoint/read-pieces.js';
import { writeFileSynced, type NewFile } from '../checkpoint/write-safetensors.js';
import { ELEMENT_TYPES, type GraphBuilder } from './graph-builder.js';

/** A tensor that a graph uses by its name; its values are read when they are written. */
export interface StoredTensor extends ReadableRows {
  readonly type: StoredType;
}

/** Bytes of a value. */
export const TYPE_BYTES = { float32: 4, float16: 2, uint8: 1 } as const;

export type StoredType = keyof typeof TYPE_BYTES;

export interface OnnxContent {
  /** The model's file, relative to that folder; the files of values lie beside it. */
  readonly file: string;
  readonly graph: GraphBuilder;
  readonly tensors: readonly StoredTensor[];
  /** Most bytes of values per file, below the 2 GiB that a protobuf can have; a larger tensor gets its own file. */
  readonly fileBytes: number;
}

export interface OnnxOutput extends OnnxContent {
  /** An existing folder. */
  readonly directory: string;
  readonly work: WorkContext;
}

/** Values in files of their own start at multiples of it, so that they can be mapped into memory (onnx.proto advises it). */
const ALIGNMENT = 4096;

/**
 * Writes a graph with its tensors one by one, each in pieces: all in one file, or if they take more than `fileBytes`, its
 * matrices in `<file>_data`, `<file>_data_1` and so on, as transformers.js names them, and the rest in the file. Each file
 * is synced. Returns the files, those of values first.
 *
 * Throws the signal's reason when it fires, between two pieces.
 */
export async function writeOnnx({
  directory,
  file,
  graph,
  tensors,
  fileBytes,
  work,
}: OnnxOutput): Promise<Required<ExportSummary>> {
  const total = sumBytes(tensors);
  const { dataFiles, outside, inside } = placeTensors({ file, tensors, fileBytes });
  const digests: Record<string, string> = {};
  const memory = createPieceMemory();
  let [bytes, done] = [0, 0];
  const add = async (name: string, write: (target: NewFile) => Promise<void>): Promise<void> => {
    const written = await writeFileSynced(join(directory, name), write);
    digests[name] = written.sha256;
    bytes += written.bytes;
  };
  const write = async (target: NewFile, tensor: StoredTensor): Promise<void> => {
    work.signal.throwIfAborted();
    for await (const piece of readPieces(tensor, countTensorBytes(tensor), memory)) {
      work.signal.throwIfAborted();
      await target.write(piece);
      done += piece.length;
      work.report?.({ what: 'bytes', done, total });
    }
  };

  for (const [name, placed] of dataFiles)
    await add(name, async (target) => {
      let written = 0;
      for (const { tensor, offset, end } of placed) {
        await target.write(new Uint8Array(offset - written));
        await write(target, tensor);
        written = end;
      }
    });
  await add(file, async (target) => {
    await target.write(encodeHeader(graph.model(), outside, inside));
    for (const tensor of inside) {
      await target.write(encodeFrame(tensor));
      await write(target, tensor);
    }
  });
  return { files: Object.keys(digests), bytes, digests };
}

/** The files that `writeOnnx` writes. */
export function listOnnxFiles({ graph, ...content }: OnnxContent): FileSizes {
  const { dataFiles, outside, inside } = placeTensors(content);
  const header = encodeHeader(graph.model(), outside, inside).length;
  return {
    ...Object.fromEntries([...dataFiles].map(([name, placed]) => [name, placed.at(-1)?.end ?? 0])),
    [content.file]: inside.reduce((sum, tensor) => sum + encodeFrame(tensor).length + countTensorBytes(tensor), header),
  };
}

/** Where a tensor lies in a file of values. */
interface PlacedTensor {
  readonly tensor: StoredTensor;
  readonly offset: number;
  readonly end: number;
}

/** The tensors of each file of values, by its name; what the graph says of these; and the tensors of its own file. */
function placeTensors({ file, tensors, fileBytes }: Omit<OnnxContent, 'graph'>): {
  readonly dataFiles: ReadonlyMap<string, readonly PlacedTensor[]>;
  readonly outside: readonly TensorProto[];
  readonly inside: readonly StoredTensor[];
} {
  const shards = planShards(tensors, fileBytes);
  const apart = new Set(shards.flat());
  const dataFiles = new Map(
    shards.map((shard, index) => [`${file}_data${index === 0 ? '' : `_${index}`}`, placeInFile(shard)]),
  );
  return {
    dataFiles,
    outside: [...dataFiles].flatMap(([name, placed]) =>
      placed.map(({ tensor, offset }) => placeOutside(tensor, basename(name), offset)),
    ),
    inside: tensors.filter((tensor) => !apart.has(tensor)),
  };
}

function placeInFile(shard: readonly StoredTensor[]): readonly PlacedTensor[] {
  let end = 0;
  return shard.map((tensor) => {
    const offset = align(end);
    end = offset + countTensorBytes(tensor);
    return { tensor, offset, end };
  });
}

/** Bytes of a tensor's values. */
function countTensorBytes({ shape, type }: SizedTensor): number {
  return shape.reduce((product, size) => product * size, TYPE_BYTES[type]);
}

/** How many files of values a graph gets beside its own. */
export function countDataFiles(tensors: readonly SizedTensor[], fileBytes: number): number {
  return planShards(tensors, fileBytes).length;
}

type SizedTensor = Pick<StoredTensor, 'shape' | 'type'>;

function sumBytes(tensors: readonly SizedTensor[]): number {
  return tensors.reduce((sum, tensor) => sum + countTensorBytes(tensor), 0);
}

function align(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}

/** The matrices of each file beside the graph; none if all values fit into its own. */
function planShards<Tensor extends SizedTensor>(tensors: readonly Tensor[], fileBytes: number): Tensor[][] {
  if (sumBytes(tensors) <= fileBytes) return [];
  const shards: Tensor[][] = [];
  let filled = Infinity;
  for (const tensor of tensors) {
    if (tensor.shape.length === 1) continue;
    const end = align(filled) + countTensorBytes(tensor);
    if (end > fileBytes) shards.push([]);
    filled = end > fileBytes ? countTensorBytes(tensor) : end;
    shards.at(-1)?.push(tensor);
  }
  return shards;
}

function describeTensor({ name, type, shape }: StoredTensor): Pick<TensorProto, 'name' | 'dims' | 'dataType'> {
  return { name, dims: shape.map(BigInt), dataType: ELEMENT_TYPES[type] };
}

function placeOutside(tensor: StoredTensor, location: string, offset: number): TensorProto {
  const place = { location, offset: String(offset), length: String(countTensorBytes(tensor)) };
  return TensorProto.fromPartial({
    ...describeTensor(tensor),
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(place).map(([key, value]) => ({ key, value })),
  });
}

/** Field numbers of onnx.proto. */
const FIELDS = { graph: 7, initializer: 5, rawData: 9 } as const;

/** The model up to the first tensor in the file: its graph comes last, and the graph's tensors come last in it. */
function encodeHeader(model: ModelProto, outside: readonly TensorProto[], inside: readonly StoredTensor[]): Uint8Array {
  const { graph } = model;
  if (graph === undefined) throw new RangeError('a model without a graph');
  const rest = GraphProto.encode({ ...graph, initializer: [...graph.initializer, ...outside] }).finish();
  const framed = inside.reduce((sum, tensor) => sum + encodeFrame(tensor).length + countTensorBytes(tensor), 0);
  return Buffer.concat([
    ModelProto.encode({ ...model, graph: undefined }).finish(),
    encodeLength(FIELDS.graph, rest.length + framed),
    rest,
  ]);
}

/** What stands in a graph before the values of a tensor. */
function encodeFrame(tensor: StoredTensor): Uint8Array {
  const values = countTensorBytes(tensor);
  const message = TensorProto.encode(TensorProto.fromPartial(describeTensor(tensor))).finish();
  const raw = encodeLength(FIELDS.rawData, values);
  return Buffer.concat([encodeLength(FIELDS.initializer, message.length + raw.length + values), message, raw]);
}

/** The start of a field of so many bytes (protobuf's wire type 2), each number in groups of 7 bits, the least first. */
function encodeLength(field: number, length: number): Uint8Array {
  return Uint8Array.from([field * 8 + 2, length].flatMap(encodeVarint));
}

function encodeVarint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...encodeVarint(Math.floor(value / 128))];
}
