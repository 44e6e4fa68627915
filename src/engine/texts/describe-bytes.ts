/** What a file that is not text in UTF-8 looks like, and how to convert it. */
export interface Likeness {
  readonly kind: string;
  /** A command of a well-known tool, or other advice. */
  readonly remedy: string;
}

const EXPORT = 'write its texts as JSON lines, one {"text": ...} per line';

/** First bytes of files that people send instead of a text; if one begins with another, the longer one comes first. */
const SIGNATURES: readonly (Likeness & { readonly bytes: readonly number[] })[] = [
  { bytes: [0xff, 0xfe, 0, 0], kind: 'UTF-32', remedy: 'iconv -f UTF-32 -t UTF-8' },
  { bytes: [0xff, 0xfe], kind: 'UTF-16', remedy: 'iconv -f UTF-16 -t UTF-8' },
  { bytes: [0xfe, 0xff], kind: 'UTF-16', remedy: 'iconv -f UTF-16 -t UTF-8' },
  { bytes: [0x1f, 0x8b], kind: 'gzip', remedy: 'gunzip' },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], kind: 'Zstandard', remedy: 'unzstd' },
  { bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a], kind: 'xz', remedy: 'unxz' },
  { bytes: [...Buffer.from('BZh')], kind: 'bzip2', remedy: 'bunzip2' },
  { bytes: [...Buffer.from('PK\u0003\u0004')], kind: 'a zip archive', remedy: 'unzip' },
  { bytes: [...Buffer.from('PAR1')], kind: 'Parquet', remedy: 'let its name end with .parquet' },
  { bytes: [...Buffer.from('ARROW1')], kind: 'Arrow', remedy: EXPORT },
  { bytes: [...Buffer.from('%PDF')], kind: 'PDF', remedy: 'pdftotext' },
  { bytes: [...Buffer.from('GGUF')], kind: 'a GGUF model', remedy: 'name a text' },
];

/** Bytes that are looked at if no signature matches. */
const SAMPLE_BYTES = 4096;

/** Says what bytes that are not text in UTF-8 most likely are. */
export function describeBytes(bytes: Uint8Array): Likeness {
  const known = SIGNATURES.find((signature) => signature.bytes.every((byte, at) => bytes[at] === byte));
  if (known !== undefined) return known;
  const sample = bytes.subarray(0, SAMPLE_BYTES);
  const nuls = [0, 0];
  let controls = 0;
  for (const [at, byte] of sample.entries()) {
    if (byte === 0) nuls[at % 2] = (nuls[at % 2] ?? 0) + 1;
    else if (byte < 0x20 && !(byte >= 0x09 && byte <= 0x0d)) controls += 1;
  }
  const [even = 0, odd = 0] = nuls;
  // In UTF-16, every other byte of Latin text is 0.
  if (odd > sample.length / 8 && even * 8 < odd) return { kind: 'UTF-16', remedy: 'iconv -f UTF-16LE -t UTF-8' };
  if (even > sample.length / 8 && odd * 8 < even) return { kind: 'UTF-16', remedy: 'iconv -f UTF-16BE -t UTF-8' };
  if (even + odd > 0 || controls > 0) return { kind: 'no text', remedy: 'name a text' };
  return { kind: 'Latin-1 or Windows-1252', remedy: 'iconv -f WINDOWS-1252 -t UTF-8' };
}
