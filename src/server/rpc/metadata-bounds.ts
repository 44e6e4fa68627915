import type { Metadata } from '@grpc/grpc-js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { MAX_METADATA_BYTES } from '../config/limits.js';

/** What HTTP/2 counts for a header besides its name and its value (RFC 9113, section 6.5.2). */
const HEADER_BYTES = 32;

/** REQUEST_TOO_LARGE for metadata that is larger than a call may have; `undefined` if it is not. */
export function findLongMetadata(metadata: Pick<Metadata, 'toHttp2Headers'>): PrunecastError | undefined {
  let bytes = 0;
  for (const [name, value] of Object.entries(metadata.toHttp2Headers()))
    for (const one of Array.isArray(value) ? value : [value])
      bytes += name.length + String(one ?? '').length + HEADER_BYTES;
  if (bytes <= MAX_METADATA_BYTES) return undefined;
  return new PrunecastError(
    'REQUEST_TOO_LARGE',
    `the metadata of the call has ${bytes} bytes, with ${HEADER_BYTES} for each entry; at most ${MAX_METADATA_BYTES} are taken: send fewer or shorter headers`,
    { metadata: { most: String(MAX_METADATA_BYTES) } },
  );
}
