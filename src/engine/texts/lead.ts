/** A text up to this size is read as a whole. */
export const WHOLE_TEXT_BYTES = 4 * 2 ** 20;

/** The first part of a longer text that is read at least, if so little of it is asked for. */
const LEAST_LEAD_BYTES = 2 ** 20;

/** A token has about four bytes, and windows are spread over four times as many tokens as they take. */
const BYTES_A_TOKEN = 4 * 4;

/** Each first part is so many times as long as the one before it. */
export const LEAD_STEP = 4;

/**
 * How much of a text is read for this many of its tokens: all of a short one, or of a long one a first part of 1, 4,
 * 16, ... MiB. In such steps, so that most requests see the same text. A text of 4 MiB is tokenized in 2 s, and what was
 * measured on it before stays valid.
 *
 * @param tokens undefined or infinite for all
 * @param wholeBytes the longest text that is read as a whole
 * @param beyond a first part that turned out to have too few tokens: the next one is read
 */
export function countLeadBytes(
  size: number,
  tokens: number | undefined,
  { wholeBytes = WHOLE_TEXT_BYTES, beyond = 0 }: { readonly wholeBytes?: number; readonly beyond?: number } = {},
): number {
  if (tokens === undefined || size <= wholeBytes) return size;
  let bytes = LEAST_LEAD_BYTES;
  while (bytes < size && (bytes < tokens * BYTES_A_TOKEN || bytes <= beyond)) bytes *= LEAD_STEP;
  return Math.min(size, bytes);
}

/**
 * Tokens before the end of a first part that are left out: there a tokenizer may see other words than in the whole text.
 * It looks ahead a few characters, or to the end of a word.
 */
const LOOK_AHEAD_TOKENS = 4096;

/** The tokens of a first part that the whole text has too. */
export function dropCutTokens(tokens: Int32Array): Int32Array {
  return tokens.slice(0, Math.max(0, tokens.length - LOOK_AHEAD_TOKENS));
}

const NEWLINE = 0x0a;

/** A first part up to its last line break, or if it has none to its last whole character in UTF-8. */
export function cutAtLine(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const line = bytes.lastIndexOf(NEWLINE);
  if (line >= 0) return bytes.subarray(0, line + 1);
  let end = bytes.length;
  while (end > 0 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end -= 1; // bytes within a character
  return bytes.subarray(0, Math.max(0, end - 1)); // and the one that it begins with
}
