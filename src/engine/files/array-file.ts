import { open, rename, rm } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { readFully, writeFully } from './read-write.js';

/** A file of float32 arrays by name, with a document that says what they are. */
export interface ArrayFile<Document> {
  readonly document: Document;
  /** undefined: the file has no array of this name. */
  read(name: string): Promise<Float32Array | undefined>;
  close(): Promise<void>;
}

/** Arrays to be written, each asked for when its turn comes. */
export type WrittenArrays = readonly {
  readonly name: string;
  readonly length: number;
  readonly read: () => Promise<Float32Array> | Float32Array;
  /** Called once it is written, and may change. */
  readonly written?: () => void;
}[];

/** Writes a file that appears complete, in place of an earlier one, or not at all; the document is that of the call. */
export async function writeArrayFile(
  path: string,
  document: unknown,
  arrays: WrittenArrays,
  signal?: AbortSignal,
): Promise<void> {
  const lengths = arrays.map(({ name, length }) => ({ name, length }));
  const header = Buffer.from(JSON.stringify({ document, arrays: lengths }));
  const size = Buffer.alloc(SIZE_BYTES);
  size.writeDoubleLE(header.length);
  const fresh = `${path}.${randomUUID()}`;
  try {
    const handle = await open(fresh, 'wx', 0o600);
    try {
      await writeFully(handle, size);
      await writeFully(handle, header);
      for (const { read, written } of arrays) {
        signal?.throwIfAborted();
        await writeFully(handle, bytesOf(await read()));
        written?.();
      }
      signal?.throwIfAborted();
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

/** Opens a file of `writeArrayFile`; undefined if there is none. Throws MODEL_MALFORMED if it is truncated. */
export async function openArrayFile<Document>(path: string): Promise<ArrayFile<Document> | undefined> {
  const handle = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return undefined;
  try {
    const size = Buffer.alloc(SIZE_BYTES);
    await readFully(handle, size, 0, path);
    const header = Buffer.alloc(size.readDoubleLE());
    await readFully(handle, header, SIZE_BYTES, path);
    const { document, arrays } = JSON.parse(header.toString()) as {
      readonly document: Document;
      readonly arrays: readonly { readonly name: string; readonly length: number }[];
    };
    const places = new Map<string, { readonly position: number; readonly length: number }>();
    let position = SIZE_BYTES + header.length;
    for (const { name, length } of arrays) {
      places.set(name, { position, length });
      position += Float32Array.BYTES_PER_ELEMENT * length;
    }
    return {
      document,
      read: async (name) => {
        const place = places.get(name);
        if (place === undefined) return undefined;
        const values = new Float32Array(place.length);
        await readFully(handle, bytesOf(values), place.position, path);
        return values;
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The length of the header, as a float64. */
const SIZE_BYTES = 8;

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}
