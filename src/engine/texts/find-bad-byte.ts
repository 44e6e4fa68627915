/**
 * The offset of the first byte that belongs to no character in UTF-8 (table 3-7 of the Unicode Standard: no overlong
 * forms, no surrogates, nothing beyond U+10FFFF); undefined if there is none.
 */
export function findBadByte(bytes: Uint8Array): number | undefined {
  for (let at = 0; at < bytes.length; ) {
    const length = measureCharacter(bytes, at);
    if (length === 0) return at;
    at += length;
  }
  return undefined;
}

/** Bytes of the character that starts here; 0 if none does. */
function measureCharacter(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const following =
    first >= 0xc2 && first <= 0xdf ? 1 : first >= 0xe0 && first <= 0xef ? 2 : first >= 0xf0 && first <= 0xf4 ? 3 : 0;
  if (following === 0) return 0;
  const [low, high] = SECOND_BYTES[first] ?? [0x80, 0xbf];
  for (let place = 1; place <= following; place++) {
    const byte = bytes[at + place] ?? 0;
    if (place === 1 ? byte < low || byte > high : byte < 0x80 || byte > 0xbf) return 0;
  }
  return following + 1;
}

/** First bytes after which not every second byte is allowed. */
const SECOND_BYTES: Readonly<Record<number, readonly [low: number, high: number]>> = {
  0xe0: [0xa0, 0xbf],
  0xed: [0x80, 0x9f],
  0xf0: [0x90, 0xbf],
  0xf4: [0x80, 0x8f],
};
