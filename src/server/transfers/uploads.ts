import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Clock } from '../../core/ports/clock.js';
import type { JobStore } from '../../core/ports/job-store.js';
import type {
  ListUploadsRequest,
  ListUploadsResponse,
  Upload,
  UploadFileRequest,
  UploadFileResponse,
} from '../../gen/prunecast/v1/file.js';
import type { Config } from '../config/config.js';
import { DAY_MS } from '../config/limits.js';
import { toTimestamp } from '../encoding/timestamp.js';
import { readPageSize, requireText } from '../requests/fields.js';
import { takeNamedPage } from '../requests/named-pages.js';
import type { UploadPart } from './receive-upload.js';
import type { StoredUpload, UploadFiles } from './upload-files.js';

export interface UploadServices {
  readonly uploads: UploadFiles;
  readonly store: { readonly jobs: Pick<JobStore, 'unfinished' | 'request'> };
  /** How long an upload is kept that nobody uploads or reads again. */
  readonly retentionMs: number;
}

/** How long the settings keep an upload that nobody uploads or reads again. */
export function retentionMsOf({ uploadRetentionDays }: Pick<Config, 'uploadRetentionDays'>): number {
  return uploadRetentionDays * DAY_MS;
}

/**
 * Stores what comes: first a start, then the chunks of a file, or each file of a folder with its chunks. Throws
 * INVALID_REQUEST, and what `UploadFiles.add` throws.
 */
export async function uploadFile(
  { uploads, store, retentionMs }: UploadServices,
  requests: AsyncIterable<UploadFileRequest>,
): Promise<UploadFileResponse> {
  const parts = requests[Symbol.asyncIterator]();
  const first = await parts.next();
  const part = first.done === true ? undefined : first.value.part;
  if (part?.$case !== 'start')
    throw PrunecastError.ofField('start', 'is not set in the first message: name the file, then send its chunks');
  const { name, digest, bytes, folder } = part.value;
  const announced = {
    kind: folder ? ('folder' as const) : ('file' as const),
    name,
    digest,
    bytes: bytes === undefined ? undefined : Number(bytes),
  };
  const stored = await uploads.add(announced, takeParts({ [Symbol.asyncIterator]: () => parts }));
  return { upload: describe(stored, { used: await findUsed(store.jobs, [stored]), retentionMs }) };
}

/** A page of uploads. Throws INVALID_REQUEST. */
export async function listUploads(
  { uploads, store, retentionMs }: UploadServices,
  { pageSize, pageToken }: ListUploadsRequest,
): Promise<ListUploadsResponse> {
  const query = { pageSize: readPageSize(pageSize), pageToken };
  const { values, nextPageToken } = takeNamedPage(await uploads.list(), ({ path }) => path, query);
  const used = await findUsed(store.jobs, values);
  return { uploads: values.map((upload) => describe(upload, { used, retentionMs })), nextPageToken };
}

/** Throws UPLOAD_NOT_FOUND, and UPLOAD_IN_USE if a job that has not ended names it. */
export async function deleteUpload(
  { uploads, store }: Pick<UploadServices, 'uploads' | 'store'>,
  path: string,
): Promise<void> {
  const upload = await uploads.find(requireText(path, 'path'));
  if (upload === undefined)
    throw PrunecastError.ofField('path', 'is that of no upload: ListUploads has their paths', 'UPLOAD_NOT_FOUND');
  if ((await findUsed(store.jobs, [upload])).size > 0)
    throw PrunecastError.ofField(
      'path',
      'is named by a job that has not ended, which may read it again: cancel the job first, or wait for its end',
      'UPLOAD_IN_USE',
    );
  await uploads.remove(upload);
}

/**
 * Deletes the uploads that nobody has uploaded or read for so long, but for those that a job names which has not ended.
 * Returns what it deleted.
 */
export async function deleteUnused(
  { uploads, store, retentionMs }: UploadServices,
  clock: Clock,
): Promise<readonly StoredUpload[]> {
  return uploads.removeUnused(clock.now() - retentionMs, (unused) => findUsed(store.jobs, unused));
}

async function* takeParts(requests: AsyncIterable<UploadFileRequest>): AsyncGenerator<UploadPart, void, undefined> {
  for await (const { part } of requests)
    switch (part?.$case) {
      case 'chunk':
        yield { chunk: part.value };
        break;
      case 'file':
        yield { file: part.value.path };
        break;
      default:
        throw PrunecastError.ofField(
          'chunk',
          'is not set in a message after the first: send the bytes of a file, or `file` before those of a file of a folder',
        );
    }
}

/**
 * The digests that the request of an unfinished job names, wherever in it: a resumed job reads its texts again.
 * Requests are looked at one by one, since they may be long.
 */
async function findUsed(
  jobs: Pick<JobStore, 'unfinished' | 'request'>,
  uploads: readonly StoredUpload[],
): Promise<ReadonlySet<string>> {
  const used = new Set<string>();
  if (uploads.length === 0) return used;
  for (const { id } of await jobs.unfinished()) {
    const request = await jobs.request(id);
    if (request === undefined) continue;
    const bytes = Buffer.from(request.bytes.buffer, request.bytes.byteOffset, request.bytes.byteLength);
    for (const { digest } of uploads) if (bytes.includes(digest)) used.add(digest);
  }
  return used;
}

function describe(
  { kind, path, name, digest, bytes, files, uploadedMs, usedMs }: StoredUpload,
  { used, retentionMs }: { readonly used: ReadonlySet<string>; readonly retentionMs: number },
): Upload {
  return {
    path,
    name,
    digest,
    bytes: BigInt(bytes),
    createTime: toTimestamp(uploadedMs),
    inUse: used.has(digest),
    folder: kind === 'folder',
    files,
    expireTime: toTimestamp(usedMs + retentionMs),
  };
}
