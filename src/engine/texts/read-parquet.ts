import type { AsyncBuffer, FileMetaData } from 'hyparquet';
import type { Entry } from './entry.js';
import { refused } from './refused.js';

/** Bytes of all columns before compression: a small file can claim to hold far more. */
const MOST_UNPACKED_BYTES = 512 * 2 ** 20;
const MOST_ROWS = 10_000_000;

const MAGIC = Buffer.from('PAR1');

/**
 * The rows of a Parquet file as objects. Whole numbers come as `number` if they are exact as such, else as `bigint`.
 *
 * @throws PrunecastError INVALID_REQUEST
 */
export async function readParquet(bytes: Uint8Array<ArrayBuffer>): Promise<readonly Entry[]> {
  const ends = [bytes.subarray(0, MAGIC.length), bytes.subarray(-MAGIC.length)];
  if (bytes.length < 3 * MAGIC.length || !ends.every((end) => MAGIC.equals(end)))
    throw refused('is no Parquet file, or not all of one: it does not begin and end with PAR1');
  const { parquetMetadataAsync, parquetReadObjects } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const file: AsyncBuffer = {
    byteLength: bytes.length,
    slice: (start, end) => bytes.slice(start, end).buffer,
  };
  try {
    const metadata = await parquetMetadataAsync(file);
    requireReadable(metadata);
    const rows = await parquetReadObjects({ file, metadata, compressors });
    return rows.map((row, index) => ({ line: index + 1, value: toPlain(row) }));
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw refused(`its ${bytes.length} bytes cannot be read as Parquet: ${problem.slice(0, MOST_QUOTED)}`);
  }
}

const MOST_QUOTED = 200;

function requireReadable({ num_rows: rows, row_groups: groups }: FileMetaData): void {
  if (rows > MOST_ROWS) throw refused(`it has ${rows} rows; at most ${MOST_ROWS} are read`);
  const unpacked = groups
    .flatMap(({ columns }) => columns)
    .reduce((sum, { meta_data: column }) => sum + (column?.total_uncompressed_size ?? 0n), 0n);
  if (unpacked > MOST_UNPACKED_BYTES)
    throw refused(`it holds ${unpacked} bytes before compression; at most ${MOST_UNPACKED_BYTES} are read`);
}

/** Numbers of 64 bits, at any depth, as those of JSON. */
function toPlain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(toPlain);
  if (value === null || typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, toPlain(inner)]));
}
