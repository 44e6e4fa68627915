import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { DeepPartial } from '../gen/prunecast/v1/common.js';
import type { Upload, UploadFileRequest } from '../gen/prunecast/v1/file.js';
import { CallError } from './call-error.js';
import type { METHODS } from './methods.js';
import type { Service } from './service.js';
import type { CallOptions } from './transport.js';

/** How far a transfer is, in bytes. */
export interface TransferProgress {
  readonly done: number;
  readonly total: number;
}

export interface UploadOptions extends CallOptions {
  /** Told of the bytes that are on their way. */
  readonly onProgress?: (progress: TransferProgress) => void;
}

/** What an upload sends: a file, or the files of a folder. */
export interface UploadSource {
  readonly kind: 'file' | 'folder';
  readonly name: string;
  readonly bytes: number;
  readonly files: readonly SourceFile[];
}

interface SourceFile {
  /** Relative to the folder, with `/` between names; the name of a lone file. */
  readonly path: string;
  readonly place: string;
  readonly bytes: number;
}

/** The most files of a folder. */
const MAX_FOLDER_FILES = 4096;
const CHUNK_BYTES = 2 ** 20;

/**
 * What an upload of a file or a folder would send. Of a folder it has the files in all folders of it, but nothing that
 * is hidden.
 *
 * @throws CallError INVALID_ARGUMENT for what is no file and no folder, and for a folder that holds nothing to send, a
 * link or another thing that is no file, or too many files
 */
export async function listUpload(path: string): Promise<UploadSource> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw refuse(path, error.code === 'ENOENT' ? 'is not there' : `cannot be read (${error.code ?? error.message})`);
  });
  const name = basename(resolve(path));
  if (found.isFile()) {
    const file = { path: name, place: path, bytes: found.size };
    return { kind: 'file', name, bytes: file.bytes, files: [file] };
  }
  if (!found.isDirectory()) throw refuse(path, 'is no file and no folder');
  const files: SourceFile[] = [];
  await listFolder(path, '', files);
  if (files.length === 0) throw refuse(path, 'has no file that is not hidden');
  const sorted = files.toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  return { kind: 'folder', name, bytes: sorted.reduce((sum, { bytes }) => sum + bytes, 0), files: sorted };
}

/** Stores a file or a folder at the server, unless it is there already. Throws CallError, as `listUpload` too. */
export async function upload(
  { uploadFile }: Pick<Service<(typeof METHODS)['files']>, 'uploadFile'>,
  source: UploadSource,
  { onProgress, ...call }: UploadOptions = {},
): Promise<Upload> {
  const start = {
    name: source.name,
    digest: await digestSource(source),
    bytes: BigInt(source.bytes),
    folder: source.kind === 'folder',
  };
  let done = 0;
  async function* parts(): AsyncGenerator<DeepPartial<UploadFileRequest>, void, undefined> {
    yield { part: { $case: 'start', value: start } };
    for (const { path, place } of source.files) {
      if (start.folder) yield { part: { $case: 'file', value: { path } } };
      for await (const value of createReadStream(place, { highWaterMark: CHUNK_BYTES })) {
        yield { part: { $case: 'chunk', value: value as Buffer } };
        done += (value as Buffer).length;
        onProgress?.({ done, total: source.bytes });
      }
    }
  }
  const { upload: stored } = await uploadFile(parts(), call).catch((error: unknown) => {
    throw error instanceof CallError && error.code === 'UNAVAILABLE' && error.reason === '' && done > 0
      ? new CallError(
          `the connection broke after about ${done} of ${source.bytes} bytes (${error.message}), and nothing is stored: send it again`,
          { code: 'UNAVAILABLE', cause: error },
        )
      : error;
  });
  if (stored === undefined) throw new CallError('the server sent no upload', { code: 'INTERNAL' });
  return stored;
}

async function listFolder(folder: string, within: string, files: SourceFile[]): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name.startsWith('.')) continue;
    const [place, path] = [join(folder, entry.name), within === '' ? entry.name : `${within}/${entry.name}`];
    if (entry.isDirectory()) await listFolder(place, path, files);
    else {
      if (entry.isSymbolicLink()) throw refuse(place, 'is a link: put what it leads to in its place (`cp -rL` does)');
      if (!entry.isFile()) throw refuse(place, 'is no file');
      files.push({ path, place, bytes: (await lstat(place)).size });
    }
    if (files.length > MAX_FOLDER_FILES)
      throw refuse(folder, `is in a folder of more than ${MAX_FOLDER_FILES} files: send a folder inside of it`);
  }
}

/** As `UploadStart.digest` defines it. */
async function digestSource({ kind, files: [first, ...rest] }: UploadSource): Promise<string> {
  if (first === undefined) throw new CallError('there is no file to send', { code: 'INVALID_ARGUMENT' });
  if (kind === 'file') return digestFile(first.place);
  const list = createHash('sha256');
  for (const { path, place } of [first, ...rest]) list.update(`${await digestFile(place)}  ${path}\n`);
  return list.digest('hex');
}

async function digestFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function refuse(path: string, fault: string): CallError {
  return new CallError(`${path} ${fault}`, { code: 'INVALID_ARGUMENT' });
}
