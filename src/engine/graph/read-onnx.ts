import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path/posix';
import { TensorProto } from '../../gen/onnx/onnx.js';
import { malformed } from '../files/model-errors.js';
import { type CheckpointPlace, openWithin } from '../files/open-within.js';
import { readFully } from '../files/read-write.js';
import { ELEMENT_TYPES, type ElementType } from './graph-builder.js';

/** A tensor of a graph as its file describes it. */
export interface DescribedTensor {
  /** undefined: one that is not written here. */
  readonly type: ElementType | undefined;
  readonly shape: readonly number[];
  /** Where its values lie: the file, relative to the folder, and the position of the first byte. */
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
}

/** Field numbers of onnx.proto. */
const FIELDS = { graph: 7, initializer: 5, rawData: 9 } as const;

/** Most bytes that describe a tensor, without its values; real ones take about a hundred. */
const MOST_BYTES = 65_536;

/**
 * The tensors of a graph by name; their values are not read. Checks that all values are there, also those beside the
 * graph. Throws MODEL_MALFORMED that names the file at fault.
 *
 * @param file relative to the folder
 */
export async function readOnnxTensors(
  place: CheckpointPlace,
  file: string,
): Promise<ReadonlyMap<string, DescribedTensor>> {
  const handle = await openWithin(place, file);
  if (handle === undefined) throw malformed(file, 'is missing');
  try {
    const tensors = new Map<string, DescribedTensor>();
    const ends = new Map<string, number>();
    for await (const graph of walkFields(handle, file, 0, (await handle.stat()).size)) {
      if (graph.field !== FIELDS.graph) continue;
      for await (const { field, from, to } of walkFields(handle, file, graph.from, graph.to)) {
        if (field !== FIELDS.initializer) continue;
        const { message, inside } = await readDescription(handle, file, from, to);
        const outside = findOutside(message, file);
        tensors.set(message.name, {
          type: TYPES.get(message.dataType),
          shape: message.dims.map(Number),
          ...(outside ?? { file, ...inside }),
        });
        if (outside !== undefined)
          ends.set(outside.file, Math.max(ends.get(outside.file) ?? 0, outside.offset + outside.bytes));
      }
    }
    for (const [beside, end] of ends) await requireLength(place, beside, end);
    return tensors;
  } finally {
    await handle.close();
  }
}

const TYPES: ReadonlyMap<number, ElementType> = new Map(
  (Object.entries(ELEMENT_TYPES) as [ElementType, number][]).map(([type, number]) => [number, type]),
);

/** @param file of the graph, which others lie beside */
function findOutside(
  { externalData }: TensorProto,
  file: string,
): Pick<DescribedTensor, 'file' | 'offset' | 'bytes'> | undefined {
  const {
    location,
    offset = '0',
    length = '0',
  } = Object.fromEntries(externalData.map((entry) => [entry.key, entry.value]));
  if (location === undefined) return undefined;
  return { file: join(file, '..', location), offset: Number(offset), bytes: Number(length) };
}

/** A tensor without its values, and where they lie if they are in it. */
async function readDescription(
  handle: FileHandle,
  file: string,
  from: number,
  to: number,
): Promise<{ readonly message: TensorProto; readonly inside: Pick<DescribedTensor, 'offset' | 'bytes'> }> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  let inside = { offset: 0, bytes: 0 };
  for await (const part of walkFields(handle, file, from, to)) {
    if (part.field === FIELDS.rawData) {
      inside = { offset: part.from, bytes: part.to - part.from };
      continue;
    }
    bytes += part.to - part.start;
    if (bytes > MOST_BYTES) throw malformed(file, `describes a tensor in more than ${MOST_BYTES} bytes, values aside`);
    const content = new Uint8Array(part.to - part.start);
    await readFully(handle, content, part.start, file);
    parts.push(content);
  }
  try {
    return { message: TensorProto.decode(Buffer.concat(parts)), inside };
  } catch (cause) {
    throw malformed(file, `is no ONNX graph: there is no tensor at byte ${from}`, { cause });
  }
}

/** A field of a protobuf message: it starts with its number, and its content lies between `from` and `to`. */
interface Field {
  readonly field: number;
  readonly start: number;
  readonly from: number;
  readonly to: number;
}

/** Longest start of a field: its number and its length, 10 bytes each. */
const LONGEST_START = 20;

/** The fields of a message that lies between two positions of a file. */
async function* walkFields(handle: FileHandle, file: string, begin: number, end: number): AsyncGenerator<Field> {
  for (let start = begin; start < end; ) {
    const head = new Uint8Array(Math.min(LONGEST_START, end - start));
    await readFully(handle, head, start, file);
    const tag = readVarint(head, 0);
    const wire = tag.value % 8;
    const value = wire === 2 || wire === 0 ? readVarint(head, tag.next) : { value: 0, next: tag.next };
    const content = wire === 2 ? value.value : wire === 1 ? 8 : wire === 5 ? 4 : 0;
    const from = start + value.next;
    if (tag.value < 8 || wire === 3 || wire === 4 || wire > 5)
      throw malformed(file, `is no ONNX graph: no field begins at byte ${start}`);
    if (!(from + content <= end))
      throw malformed(file, `ends at byte ${end}, inside a field that begins at ${start}: it is truncated`);
    yield { field: Math.floor(tag.value / 8), start, from, to: from + content };
    start = from + content;
  }
}

/** A number in groups of 7 bits, the least first; NaN if it does not end. */
function readVarint(bytes: Uint8Array, at: number): { readonly value: number; readonly next: number } {
  let value = 0;
  for (let place = at; place < bytes.length; place += 1) {
    const byte = bytes[place] as number;
    value += (byte % 128) * 128 ** (place - at);
    if (byte < 128) return { value, next: place + 1 };
  }
  return { value: NaN, next: NaN };
}

async function requireLength(place: CheckpointPlace, file: string, bytes: number): Promise<void> {
  const handle = await openWithin(place, file);
  if (handle === undefined) throw malformed(file, 'is missing');
  try {
    const { size } = await handle.stat();
    if (!(size >= bytes)) throw malformed(file, `ends at ${size}, before byte ${bytes}: it is truncated`);
  } finally {
    await handle.close();
  }
}
