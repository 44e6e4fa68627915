import type { RowRange } from '../../core/ports/exporter.js';
import { placeIn, type SpareMemory } from './piece-memory.js';

/** Reads some rows, all by default, into memory that the caller may offer. */
export type ReadRows = (rows?: RowRange, memory?: Uint8Array) => Promise<Uint8Array>;

/** Rows that are made from others. */
export interface DerivedRows {
  readonly read: ReadRows;
  readonly rows: number;
  /** Bytes of a row as it is read. */
  readonly fromBytes: number;
  /** Bytes of a row as it is made. */
  readonly toBytes: number;
  /** Fills `target` with the rows that `source` becomes. @param first the number of the first row */
  readonly make: (source: Uint8Array, target: Uint8Array, first: number) => void;
}

/** Reads rows through memory of `spares`, and makes others of them. Reading throws RangeError if not as many come. */
export function deriveRows({ read, rows, fromBytes, toBytes, make }: DerivedRows, spares: SpareMemory): ReadRows {
  return async (range, memory) => {
    const { first, count } = range ?? { first: 0, count: rows };
    const spare = spares.take(count * fromBytes);
    const source = await read(range, spare);
    if (source.length !== count * fromBytes)
      throw new RangeError(`${source.length} bytes from row ${first} on, not ${count * fromBytes}`);
    const target = placeIn(memory, count * toBytes);
    make(source, target, first);
    spares.giveBack(spare);
    return target;
  };
}
