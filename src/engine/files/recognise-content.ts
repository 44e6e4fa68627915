import { ADVISE_CONVERTING, ADVISE_FETCHING } from './advice.js';

/** Bytes that tell the type of a file. */
export const HEAD_BYTES = 64;

/**
 * What lies in place of a file of a checkpoint, told by its first bytes (one character per byte), and what to do about
 * it.
 */
const CONTENTS: readonly { readonly begins: readonly string[]; readonly is: string }[] = [
  {
    begins: ['version https://git-lfs.github.com/spec/'],
    is: `is a Git LFS pointer, not the file that it points to: ${ADVISE_FETCHING}`,
  },
  {
    begins: ['GGUF'],
    is: 'is a GGUF file, which llama.cpp reads: take the safetensors checkpoint that it was made from',
  },
  // A zip, or a pickle of protocol 2 to 5.
  {
    begins: ['PK\x03\x04', '\x80\x02', '\x80\x03', '\x80\x04', '\x80\x05'],
    is: `is a PyTorch file, not a safetensors one: ${ADVISE_CONVERTING}`,
  },
  { begins: ['\x1f\x8b'], is: 'is compressed: gunzip FILE' },
  {
    begins: ['<!DOCTYPE', '<!doctype', '<html', '<?xml'],
    is: 'is a web page, as a refused download leaves it: fetch the file again, with hf download',
  },
  // A byte order mark, or a brace in two bytes.
  { begins: ['\xff\xfe', '\xfe\xff', '{\0', '\0{'], is: 'is in UTF-16: iconv -f UTF-16 -t UTF-8 FILE > NEW' },
];

/** What a file is instead of what it should be, and what to do about it; undefined if its first bytes do not tell. */
export function recogniseContent(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.subarray(0, HEAD_BYTES)).toString('latin1').trimStart();
  return CONTENTS.find(({ begins }) => begins.some((start) => head.startsWith(start)))?.is;
}
