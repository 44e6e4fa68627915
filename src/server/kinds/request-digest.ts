import { createHash } from 'node:crypto';
import { canonicalJson } from '../../core/canonical-json.js';
import type { JobKind } from '../../gen/prunecast/v1/job.js';

/**
 * SHA-256 (hex) of a request's contents. Of its canonical JSON, not of its bytes: maps come in any order from one
 * attempt of a client to the next (Go shuffles them).
 *
 * @param codec the request's generated codec: `PruneRequest`
 */
export function digestRequest<Request>(
  kind: JobKind,
  codec: { toJSON(request: Request): unknown },
  request: Request,
): string {
  return createHash('sha256')
    .update(`${kind}\n${canonicalJson(codec.toJSON(request))}`)
    .digest('hex');
}
