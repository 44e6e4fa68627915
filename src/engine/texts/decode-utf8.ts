import { isUtf8 } from 'node:buffer';
import { describeBytes } from './describe-bytes.js';
import { findBadByte } from './find-bad-byte.js';
import { refused } from './refused.js';

/**
 * Bytes in UTF-8 as a string, without a byte order mark.
 *
 * @throws PrunecastError INVALID_REQUEST with the line and the offset of the first byte that is not text
 */
export function decodeUtf8(bytes: Uint8Array): string {
  const bad = isUtf8(bytes) ? undefined : findBadByte(bytes);
  if (bad !== undefined)
    throw noText(
      bytes,
      `is not UTF-8: in line ${lineOf(bytes, bad)} the byte at offset ${bad}, 0x${(bytes[bad] ?? 0).toString(16).padStart(2, '0')}, belongs to no character`,
    );
  const nul = bytes.indexOf(0);
  if (nul !== -1) throw noText(bytes, `has a NUL at offset ${nul}, in line ${lineOf(bytes, nul)}, which no text has`);
  return new TextDecoder().decode(bytes); // removes the byte order mark
}

const NEWLINE = 0x0a;

/** The line, from 1, that the byte at this offset lies in. */
function lineOf(bytes: Uint8Array, offset: number): number {
  let line = 1;
  for (let at = bytes.indexOf(NEWLINE); at !== -1 && at < offset; at = bytes.indexOf(NEWLINE, at + 1)) line += 1;
  return line;
}

function noText(bytes: Uint8Array, problem: string): Error {
  const { kind, remedy } = describeBytes(bytes);
  return refused(`${problem}; it looks like ${kind}: send a text in UTF-8 (${remedy})`);
}
