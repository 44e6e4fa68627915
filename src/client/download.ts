import { createHash, type Hash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, normalize, resolve, sep } from 'node:path';
import type { DownloadOutputResponse } from '../gen/prunecast/v1/file.js';
import { CallError } from './call-error.js';
import type { METHODS } from './methods.js';
import { createPatience, DEFAULT_REATTACH, type Patience, type ReattachOptions } from './reattach.js';
import type { Service } from './service.js';
import type { TransferProgress } from './upload.js';
import { untilSilent } from './until-silent.js';

export interface DownloadOptions extends ReattachOptions {
  /** Told of the bytes that are there, with those of an earlier download that broke off. */
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
  /** Milliseconds until all of it must have come, else DEADLINE_EXCEEDED. Default: no limit. */
  readonly timeoutMs?: number | undefined;
}

/** What a download brought. */
export interface Downloaded {
  /** Its absolute path. */
  readonly folder: string;
  readonly files: number;
  readonly bytes: number;
  /** Those of the bytes that an earlier download, which broke off, had brought already. */
  readonly keptBytes: number;
}

/** What downloads are asked of. */
export interface DownloadSource {
  readonly files: Pick<Service<(typeof METHODS)['files']>, 'downloadOutput'>;
  /** Whether the connection breaks when the server ends, as a socket of this machine does. */
  readonly breaksWithServer: boolean;
}

/** The manifest, which names all other files with their sizes. */
const MANIFEST_FILE = 'prunecast.json';

/** The server reads what the caller has too, for the digest: at least as fast as this. */
const READ_BYTES_PER_MS = 20_000;

/**
 * Brings an output into a folder that does not exist yet: whole, with the digests of the server, or not at all.
 *
 * Lost connections are taken up again where they broke. What a download that fails has brought stays in
 * `.<folder>.prunecast-partial` beside the folder, and the next download into the same folder goes on with it.
 *
 * @throws CallError of the server; ALREADY_EXISTS if the folder is there; DATA_LOSS for a file that did not come as the
 * server has it; ABORTED if the output was written anew meanwhile
 */
export async function download(
  source: DownloadSource,
  { output, folder: given }: { readonly output: string; readonly folder: string },
  options: DownloadOptions = {},
): Promise<Downloaded> {
  const folder = resolve(given);
  if (existsSync(folder)) throw alreadyExists(folder);
  const partial = join(dirname(folder), `.${basename(folder)}.prunecast-partial`);
  const patience = createPatience(options);
  const deadline = options.timeoutMs === undefined ? Infinity : Date.now() + options.timeoutMs;
  const receive = (file: string, onChunk?: (bytes: number) => void) =>
    receiveFile({ ...source, output, file }, join(partial, requireInside(file)), {
      ...options,
      patience,
      deadline,
      onChunk,
    });

  try {
    // Of the manifest nothing is kept: another output may have the name by now.
    await mkdir(partial, { recursive: true });
    await rm(join(partial, MANIFEST_FILE), { force: true });
    const manifest = await receive(MANIFEST_FILE);
    const sizes = await readSizes(join(partial, MANIFEST_FILE));
    await removeOthers(partial, new Set([MANIFEST_FILE, ...[...sizes.keys()].map(requireInside)]));
    const total = manifest.bytes + [...sizes.values()].reduce((sum, size) => sum + size, 0);
    let [bytes, keptBytes] = [manifest.bytes, 0];
    for (const file of sizes.keys()) {
      const before = bytes;
      const got = await receive(file, (have) => options.onProgress?.({ done: before + have, total }));
      bytes += got.bytes;
      keptBytes += got.keptBytes;
    }
    await rm(join(partial, MANIFEST_FILE));
    const { digest } = await receive(MANIFEST_FILE);
    if (digest !== manifest.digest)
      throw new CallError(`${output} was written anew while it was downloaded: download it again`, { code: 'ABORTED' });
    await rename(partial, folder).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOTEMPTY' || error.code === 'EEXIST' || error.code === 'ENOTDIR'
        ? alreadyExists(folder)
        : error;
    });
    return { folder, files: sizes.size + 1, bytes, keptBytes };
  } catch (error) {
    const left = await readdir(partial).catch(() => []);
    if (left.every((name) => name === MANIFEST_FILE)) await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

interface FileSource extends DownloadSource {
  readonly output: string;
  readonly file: string;
}

interface ReceiveOptions extends DownloadOptions {
  readonly patience: Patience;
  /** Milliseconds since 1970; Infinity for none. */
  readonly deadline: number;
  /** Told how many bytes of the file are there. */
  readonly onChunk: ((bytes: number) => void) | undefined;
}

interface ReceivedFile {
  readonly bytes: number;
  readonly keptBytes: number;
  readonly digest: string;
}

/** Brings one file: what its place has already is kept if the server's file begins with it. */
async function receiveFile(source: FileSource, place: string, options: ReceiveOptions): Promise<ReceivedFile> {
  await mkdir(dirname(place), { recursive: true });
  const had = await stat(place).then(
    ({ size }) => size,
    () => 0,
  );
  const kept = had === 0 ? undefined : await receiveRest(source, place, had, options);
  if (kept !== undefined) return { ...kept, keptBytes: had };
  const whole = await receiveRest(source, place, 0, options);
  if (whole !== undefined) return { ...whole, keptBytes: 0 };
  throw new CallError(`${source.file} did not come as the server has it: download the output again`, {
    code: 'DATA_LOSS',
  });
}

/** Brings a file after its first bytes. Gives `undefined`, and removes it, if it is not the server's file then. */
async function receiveRest(
  { files, breaksWithServer, output, file }: FileSource,
  place: string,
  had: number,
  { patience, onChunk, ...options }: ReceiveOptions,
): Promise<Omit<ReceivedFile, 'keptBytes'> | undefined> {
  const hash = await hashStart(place, had);
  const handle = await open(place, had === 0 ? 'w' : 'r+');
  const { silenceMs } = { ...DEFAULT_REATTACH, ...options.reattach };
  let position = had;
  try {
    for (;;) {
      let lost = new CallError(`the stream of ${file} ended before the file did`, { code: 'UNAVAILABLE' });
      try {
        const parts = untilSilent((call) => files.downloadOutput({ output, file, offset: BigInt(position) }, call), {
          ...options,
          breaksWithServer,
          silenceMs: silenceMs + position / READ_BYTES_PER_MS,
        });
        for await (const part of parts) {
          patience.heard();
          await writePart(handle, part, { hash, position, file });
          position += part.chunk.length;
          onChunk?.(position);
          if (part.digest === '') continue;
          if (part.digest === hash.digest('hex')) {
            await handle.datasync();
            return { bytes: position, digest: part.digest };
          }
          await rm(place);
          return undefined;
        }
      } catch (error) {
        lost = CallError.from(error);
        // The server's file is shorter than what is here.
        if (had > 0 && lost.violations.some(({ field }) => field === 'offset')) {
          await rm(place);
          return undefined;
        }
      }
      await patience.waitAfter(lost, options.deadline);
    }
  } finally {
    await handle.close();
  }
}

/** At the place that it has in the file: two downloads into one folder write the same. */
async function writePart(
  handle: FileHandle,
  { chunk, offset }: DownloadOutputResponse,
  { hash, position, file }: { readonly hash: Hash; readonly position: number; readonly file: string },
): Promise<void> {
  if (Number(offset) !== position)
    throw new CallError(`${file} came from byte ${offset} on instead of ${position}`, { code: 'DATA_LOSS' });
  hash.update(chunk);
  for (let done = 0; done < chunk.length; )
    done += (await handle.write(chunk, done, chunk.length - done, position + done)).bytesWritten;
}

async function hashStart(place: string, bytes: number): Promise<Hash> {
  const hash = createHash('sha256');
  if (bytes > 0) for await (const chunk of createReadStream(place, { end: bytes - 1 })) hash.update(chunk as Buffer);
  return hash;
}

/** The files that a manifest names, in the order of their names, with their sizes. */
async function readSizes(place: string): Promise<ReadonlyMap<string, number>> {
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(place)) chunks.push(chunk as Buffer);
  const { files } = JSON.parse(Buffer.concat(chunks).toString()) as { readonly files?: Record<string, unknown> };
  const sizes = Object.entries(files ?? {}).map(([file, size]) => [file, typeof size === 'number' ? size : 0] as const);
  return new Map(sizes.filter(([file]) => file !== MANIFEST_FILE).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Removes what another output of the same name has left. */
async function removeOthers(folder: string, wanted: ReadonlySet<string>): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const place = join(entry.parentPath, entry.name);
    if (!entry.isDirectory() && !wanted.has(place.slice(folder.length + 1))) await rm(place);
  }
}

/** A server writes nothing outside of the folder. */
function requireInside(file: string): string {
  const path = normalize(file);
  if (file === '' || path.startsWith('..') || path.startsWith(sep) || path.includes('\0') || path.includes(':'))
    throw new CallError(`the server names a file outside of the output: ${JSON.stringify(file)}`, {
      code: 'DATA_LOSS',
    });
  return path;
}

function alreadyExists(folder: string): CallError {
  return new CallError(`${folder} exists: name another folder`, { code: 'ALREADY_EXISTS' });
}
