import type { Tokenizer } from '@huggingface/tokenizers';
import { isRecord } from '../files/read-json.js';
import type { SpellToken } from './cover-tokens.js';

/**
 * The bytes that tokens stand for, as tokenizer.json spells them: byte by byte as letters (ByteLevel), or with `▁` for a
 * blank and `<0x0A>` for a single byte (SentencePiece).
 */
export function spellTokens(config: Readonly<Record<string, unknown>>, tokenizer: Tokenizer): SpellToken {
  const added = tokenizer.get_added_tokens_decoder();
  const toBytes = isByteLevel(config) ? spellByteLevel : spellSentencePiece;
  const known = new Map<number, ReturnType<SpellToken>>();
  return (id) => {
    if (known.has(id)) return known.get(id);
    const content = added.get(id)?.content;
    const token = content ?? tokenizer.id_to_token(id);
    const bytes = content === undefined ? token && toBytes(token) : Buffer.from(content);
    const spelt = bytes instanceof Uint8Array ? { bytes, isAdded: content !== undefined } : undefined;
    known.set(id, spelt);
    return spelt;
  };
}

function isByteLevel({ decoder, pre_tokenizer: splitter }: Readonly<Record<string, unknown>>): boolean {
  return [decoder, splitter].some(hasByteLevel);
}

function hasByteLevel(part: unknown): boolean {
  if (!isRecord(part)) return false;
  if (part['type'] === 'ByteLevel') return true;
  return [part['decoders'], part['pretokenizers']].some((parts) => Array.isArray(parts) && parts.some(hasByteLevel));
}

/** The letter of each byte (`bytes_to_unicode` of GPT-2): itself where it is printable, else one from U+0100 on. */
const BYTE_OF_LETTER: ReadonlyMap<string, number> = new Map(listLetters());

function* listLetters(): Generator<readonly [letter: string, byte: number]> {
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const isPrintable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    yield [String.fromCodePoint(isPrintable ? byte : next++), byte];
  }
}

function spellByteLevel(token: string): Uint8Array | undefined {
  const bytes = Array.from(token, (letter) => BYTE_OF_LETTER.get(letter));
  return bytes.includes(undefined) ? undefined : Uint8Array.from(bytes as number[]);
}

const SINGLE_BYTE = /^<0x([0-9A-F]{2})>$/;

function spellSentencePiece(token: string): Uint8Array {
  const byte = SINGLE_BYTE.exec(token)?.[1];
  return byte === undefined ? Buffer.from(token.replaceAll('\u2581', ' ')) : Uint8Array.of(Number.parseInt(byte, 16));
}
