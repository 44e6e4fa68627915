import { createHash } from 'node:crypto';
import { canonicalJson } from '../../core/canonical-json.js';

/** SHA-256 of a value's canonical JSON, as 64 lowercase hex digits: equal values have equal digests, whatever the order of their keys. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/** SHA-256 of the bytes under a view (token ids, a file), as 64 lowercase hex digits. */
export function digestBytes(view: ArrayBufferView): string {
  return createHash('sha256')
    .update(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
    .digest('hex');
}
