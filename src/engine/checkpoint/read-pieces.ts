import type { RowRange } from '../../core/ports/exporter.js';
import { createPieceMemory, PIECES_AHEAD, type PieceMemory } from './piece-memory.js';

/** A tensor that can be read some rows at a time. */
export interface ReadableRows {
  readonly name: string;
  readonly shape: readonly number[];
  /** How many rows can only be read together. @default 1 */
  readonly rowsTogether?: number;
  /** @param memory where the bytes may be put; it is shared between threads */
  read(rows?: RowRange, memory?: Uint8Array): Promise<Uint8Array>;
}

/** A few megabytes: what is read, converted and written stays in the processor's cache meanwhile. */
const PIECE_VALUES = 1024 * 1024;

/**
 * The bytes of a tensor in pieces of whole rows, one after the other. While one is used the next are read. A piece stays
 * as it is until the one after the next is asked for, so that it can still be written while the next is used.
 *
 * Throws RangeError if there are not as many as its shape asks for.
 *
 * @param bytes of the whole tensor
 * @param memory for the pieces, of this tensor and others
 */
export async function* readPieces(
  tensor: ReadableRows,
  bytes: number,
  memory: PieceMemory = createPieceMemory(),
): AsyncGenerator<Uint8Array> {
  const { name, shape, rowsTogether = 1 } = tensor;
  const [rows = 1, ...rest] = shape;
  const rowBytes = bytes / Math.max(1, rows);
  const rowValues = rest.reduce((product, size) => product * size, 1);
  const count = rowsTogether * Math.max(1, Math.floor(PIECE_VALUES / (rowValues * rowsTogether)));
  const reading: Promise<Uint8Array>[] = [];
  let asked = 0;
  for (let first = 0; first < Math.max(1, rows); first += count) {
    for (; asked <= first + PIECES_AHEAD * count && (asked === 0 || asked < rows); asked += count) {
      const range = { first: asked, count: Math.min(count, rows - asked) };
      const read = tensor.read(rows <= count ? undefined : range, memory.next(rowBytes * range.count));
      read.catch(() => undefined); // it is reported when it is awaited, if it ever is
      reading.push(read);
    }
    const piece = await reading.shift();
    const wanted = rowBytes * Math.min(count, rows - first);
    if (piece?.length !== wanted)
      throw new RangeError(`${name} has ${piece?.length} bytes from row ${first} on, its shape asks for ${wanted}`);
    yield piece;
  }
}
