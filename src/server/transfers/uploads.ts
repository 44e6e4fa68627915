import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { JobStore } from '../../core/ports/job-store.js';
import type {
  ListUploadsRequest,
  ListUploadsResponse,
  Upload,
  UploadFileRequest,
  UploadFileResponse,
} from '../../gen/prunecast/v1/file.js';
import { toTimestamp } from '../encoding/timestamp.js';
import { readPageSize, requireText } from '../requests/fields.js';
import { takeNamedPage } from '../requests/named-pages.js';
import type { StoredUpload, UploadFiles } from './upload-files.js';

export interface UploadServices {
  readonly uploads: UploadFiles;
  readonly store: { readonly jobs: Pick<JobStore, 'unfinished' | 'request'> };
}

/** Stores what comes: first a start, then chunks. Throws INVALID_REQUEST, and what `UploadFiles.add` throws. */
export async function uploadFile(
  { uploads, store }: UploadServices,
  requests: AsyncIterable<UploadFileRequest>,
): Promise<UploadFileResponse> {
  const parts = requests[Symbol.asyncIterator]();
  const first = await parts.next();
  const part = first.done === true ? undefined : first.value.part;
  if (part?.$case !== 'start')
    throw PrunecastError.ofField('start', 'is not set in the first message: name the file, then send its chunks');
  const { name, digest, bytes } = part.value;
  const announced = { name, digest, bytes: bytes === undefined ? undefined : Number(bytes) };
  const stored = await uploads.add(announced, takeChunks({ [Symbol.asyncIterator]: () => parts }));
  return { upload: describe(stored, await findUsed(store.jobs, [stored])) };
}

/** A page of uploads. Throws INVALID_REQUEST. */
export async function listUploads(
  { uploads, store }: UploadServices,
  { pageSize, pageToken }: ListUploadsRequest,
): Promise<ListUploadsResponse> {
  const query = { pageSize: readPageSize(pageSize), pageToken };
  const { values, nextPageToken } = takeNamedPage(await uploads.list(), ({ path }) => path, query);
  const used = await findUsed(store.jobs, values);
  return { uploads: values.map((upload) => describe(upload, used)), nextPageToken };
}

/** Throws UPLOAD_NOT_FOUND, and UPLOAD_IN_USE if a job that has not ended names it. */
export async function deleteUpload({ uploads, store }: UploadServices, path: string): Promise<void> {
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

async function* takeChunks(requests: AsyncIterable<UploadFileRequest>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { part } of requests) {
    if (part?.$case !== 'chunk')
      throw PrunecastError.ofField('chunk', 'is not set in a message after the first: send the bytes of the file');
    yield part.value;
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

function describe({ path, name, digest, bytes, uploadedMs }: StoredUpload, used: ReadonlySet<string>): Upload {
  return {
    path,
    name,
    digest,
    bytes: BigInt(bytes),
    createTime: toTimestamp(uploadedMs),
    inUse: used.has(digest),
  };
}
