import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { MANIFEST_FILE, type OutputFolders } from '../../core/ports/outputs.js';
import { isRecord } from '../../engine/files/read-json.js';
import type { DownloadOutputRequest, DownloadOutputResponse } from '../../gen/prunecast/v1/file.js';
import { openFileWithin, type OpenedFile } from '../config/open-file-within.js';
import { requireText } from '../requests/fields.js';

/** A chunk with its message fits a message of 4 MiB four times. */
const CHUNK_BYTES = 2 ** 20;

/**
 * The files of an output, or one of them from an offset on. The digest of a file is that of all of it, so the part that
 * the caller has is read too.
 *
 * @throws PrunecastError INVALID_REQUEST, OUTPUT_NOT_FOUND, PATH_OUTSIDE_ROOTS, and OUTPUT_CHANGED for a file that is
 * not the same at its end as at its beginning
 */
export async function* downloadOutput(
  outputs: Pick<OutputFolders, 'locate' | 'readManifest'>,
  { output, file, offset }: DownloadOutputRequest,
): AsyncGenerator<DownloadOutputResponse, void, undefined> {
  if (file === '' && offset > 0n)
    throw PrunecastError.ofField('offset', 'is set, but no file is named: name the file that it is of');
  const manifest = await outputs.readManifest(requireText(output, 'output'), 'output');
  const directory = await outputs.locate(output, 'output');
  for (const name of file === '' ? listFiles(manifest) : [file]) yield* sendFile(directory, name, Number(offset));
}

/** In the order of their names, the manifest last: whoever has that has all. */
function listFiles({ files }: Readonly<Record<string, unknown>>): string[] {
  return [...(isRecord(files) ? Object.keys(files).toSorted() : []), MANIFEST_FILE];
}

async function* sendFile(
  directory: string,
  file: string,
  offset: number,
): AsyncGenerator<DownloadOutputResponse, void, undefined> {
  const opened = await openFileWithin([directory], file, {
    field: 'file',
    missing: 'OUTPUT_NOT_FOUND',
    maxBytes: Number.MAX_SAFE_INTEGER,
  });
  try {
    const { size } = opened.stats;
    if (offset > size) throw PrunecastError.ofField('offset', `is ${offset}, but the file has ${size} bytes`);
    const hash = createHash('sha256');
    for (let position = 0; ; ) {
      const part = await readPart(opened, position, file);
      hash.update(part);
      const from = Math.max(position, offset);
      position += part.length;
      const isLast = position >= size;
      if (isLast) await requireUnchanged(opened, file);
      const chunk = from < position ? part.subarray(part.length - (position - from)) : part.subarray(0, 0);
      if (chunk.length > 0 || isLast)
        yield {
          file,
          offset: BigInt(Math.min(from, position)),
          chunk,
          bytes: BigInt(size),
          digest: isLast ? hash.digest('hex') : '',
        };
      if (isLast) return;
    }
  } finally {
    await opened.handle.close();
  }
}

async function readPart({ handle, stats: { size } }: OpenedFile, position: number, file: string): Promise<Buffer> {
  const part = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - position));
  if (part.length === 0) return part;
  const { bytesRead } = await handle.read(part, 0, part.length, position);
  if (bytesRead === 0) throw describeChanged(file);
  return part.subarray(0, bytesRead);
}

/** Throws OUTPUT_CHANGED if the file was written, or another has taken its place. */
async function requireUnchanged({ handle, file: path, stats: before }: OpenedFile, file: string): Promise<void> {
  const here = await stat(path).catch(() => undefined);
  for (const now of [await handle.stat(), here])
    if (
      now === undefined ||
      now.size !== before.size ||
      now.mtimeMs !== before.mtimeMs ||
      now.ino !== before.ino ||
      now.dev !== before.dev
    )
      throw describeChanged(file);
}

function describeChanged(file: string): PrunecastError {
  return PrunecastError.ofField(
    'file',
    `${file} was written or replaced while it was read: download the output again`,
    'OUTPUT_CHANGED',
  );
}
