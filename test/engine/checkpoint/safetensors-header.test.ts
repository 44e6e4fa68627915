import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StoredTensor } from '../../../src/engine/checkpoint/checkpoint.js';
import {
  MAX_HEADER_BYTES,
  MAX_NAME_LENGTH,
  MAX_RANK,
  MAX_TENSORS,
  parseSafetensorsHeader,
  readSafetensorsHeader,
} from '../../../src/engine/checkpoint/safetensors-header.js';
import { makeFolder, packSafetensors } from './tiny-checkpoint.js';

const FILE = 'model.safetensors';

/** Parses a header as if the file held this many bytes of values after it. */
function parse(header: unknown, valueBytes: number): readonly StoredTensor[] {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  return parseSafetensorsHeader(json, FILE, 8 + json.length + valueBytes);
}

function tensor(
  from: number,
  to: number,
  shape: readonly unknown[] = [(to - from) / 4],
  dtype: unknown = 'F32',
): unknown {
  return { dtype, shape, data_offsets: [from, to] };
}

/** A header with this many tensors without values. */
function listEmpty(count: number): string {
  return `{${Array.from({ length: count }, (_, i) => `"${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`).join(',')}}`;
}

/** Reads the header of a file with these bytes. */
async function readHeader(bytes: Uint8Array): Promise<readonly StoredTensor[]> {
  const path = join(await makeFolder(), FILE);
  await writeFile(path, bytes);
  const handle = await open(path);
  try {
    return await readSafetensorsHeader(handle, FILE);
  } finally {
    await handle.close();
  }
}

/** A file of this many bytes that announces a header of `length`. */
function announce(length: bigint, bytes: number): Uint8Array {
  const file = new Uint8Array(bytes);
  new DataView(file.buffer).setBigUint64(0, length, true);
  return file;
}

describe('parseSafetensorsHeader', () => {
  it('returns tensors in the order of their values, positions counted from the start of the file', () => {
    const header = { __metadata__: { format: 'pt' }, b: tensor(8, 12, [3, 1, 2].slice(1), 'BF16'), a: tensor(0, 8) };
    const start = 8 + JSON.stringify(header).length;
    expect(parse(header, 12)).toEqual([
      { name: 'a', dtype: 'F32', shape: [2], file: FILE, offset: start, bytes: 8 },
      { name: 'b', dtype: 'BF16', shape: [1, 2], file: FILE, offset: start + 8, bytes: 4 },
    ]);
  });

  it('accepts __proto__ as a name like any other', () => {
    expect(
      parse('{"__proto__": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}}', 4).map(({ name }) => name),
    ).toEqual(['__proto__']);
  });

  it.each([
    ['text that is not JSON', '{"a": ', 0, /not JSON/],
    ['an array in place of an object', '[]', 0, /must hold a JSON object, not \[\]/],
    ['a tensor that is a number', { a: 3 }, 0, /tensor a: must be an object with dtype, shape and data_offsets, not 3/],
    ['offsets that run backwards', { a: tensor(8, 4, [1]) }, 8, /tensor a: data_offsets run backwards, from 8 to 4/],
    ['a negative offset', { a: tensor(-4, 0) }, 0, /tensor a: data_offsets must be two whole numbers, not \[-4,0\]/],
    ['three offsets', { a: { dtype: 'F32', shape: [1], data_offsets: [0, 4, 8] } }, 4, /two whole numbers/],
    ['a fraction in a shape', { a: tensor(0, 6, [1.5]) }, 6, /tensor a: shape has 1.5/],
    ['a negative size', { a: tensor(0, 4, [-1]) }, 4, /tensor a: shape has -1/],
    ['a size beyond whole numbers', { a: tensor(0, 4, [2 ** 53]) }, 4, /tensor a: shape has 9007199254740992/],
    [
      'sizes whose product overflows',
      { a: tensor(0, 4, [2 ** 40, 2 ** 40, 2 ** 40]) },
      4,
      /tensor a: shape .* takes \S+ bytes, its offsets 0 to 4 hold 4/,
    ],
    [
      'a shape that does not fill its bytes',
      { a: tensor(0, 8, [3]) },
      8,
      /tensor a: shape \[3\] of F32 takes 12 bytes, its offsets 0 to 8 hold 8/,
    ],
    [
      'two tensors on the same bytes',
      { a: tensor(0, 8), b: tensor(4, 12) },
      12,
      /tensor b: begins at 4 and overlaps the tensor before it, which ends at 8/,
    ],
    ['two tensors of one place', { a: tensor(0, 8), b: tensor(0, 8) }, 8, /overlaps/],
    [
      'a gap between tensors',
      { a: tensor(0, 4), b: tensor(8, 12) },
      12,
      /tensor b: begins at 8 and leaves a gap after the tensor before it, which ends at 4/,
    ],
    ['a gap before the first', { a: tensor(4, 8) }, 8, /leaves a gap/],
    [
      'values beyond the end of the file',
      { a: tensor(0, 16) },
      12,
      /tensor a: ends at 16, the file holds 12 bytes of values: it is truncated/,
    ],
    ['bytes behind the last tensor', { a: tensor(0, 4) }, 5, /1 bytes after its last tensor/],
    ['a dtype that is no text', { a: tensor(0, 4, [1], 7) }, 4, /tensor a: dtype must be a string, not 7/],
  ])('refuses %s, naming file, tensor and value', (_what, header, valueBytes, message) => {
    expect(() => parse(header, valueBytes)).toThrow(
      expect.objectContaining({ reason: 'MODEL_MALFORMED', message: expect.stringMatching(message) }),
    );
    expect(() => parse(header, valueBytes)).toThrow(
      expect.objectContaining({ message: expect.stringContaining(FILE) }),
    );
  });

  it.each([
    ['I8', 4],
    ['BOOL', 4],
    ['F8_E4M3', 4],
    ['F4', 2],
    ['I16', 8],
    ['F64', 32],
    ['I64', 32],
  ])(
    'lists tensors of dtype %s, whose four values take %i bytes, and leaves the decision to others',
    (dtype, bytes) => {
      expect(parse({ a: tensor(0, bytes, [4], dtype) }, bytes)).toMatchObject([{ dtype, bytes }]);
      expect(() => parse({ a: tensor(0, bytes + 1, [4], dtype) }, bytes + 1)).toThrow(`takes ${bytes} bytes`);
    },
  );

  it.each(['F9', 'toString'])('measures tensors of the unknown dtype %s by their offsets', (dtype) => {
    expect(parse({ a: tensor(0, 7, [4], dtype), b: tensor(7, 11) }, 11)).toMatchObject([
      { dtype, bytes: 7 },
      { dtype: 'F32', bytes: 4 },
    ]);
  });

  it('reads as many tensors as allowed and refuses one more', () => {
    expect(parse(listEmpty(MAX_TENSORS), 0)).toHaveLength(MAX_TENSORS);
    expect(() => parse(listEmpty(MAX_TENSORS + 1), 0)).toThrow(
      `has ${MAX_TENSORS + 1} tensors; at most ${MAX_TENSORS} are read`,
    );
  });

  it('reads the longest name and refuses one character more', () => {
    const name = 'n'.repeat(MAX_NAME_LENGTH);
    expect(parse({ [name]: tensor(0, 4) }, 4)[0]?.name).toBe(name);
    expect(() => parse({ [`${name}n`]: tensor(0, 4) }, 4)).toThrow(`name has ${MAX_NAME_LENGTH + 1} characters`);
  });

  it('reads the highest rank and refuses one more', () => {
    const ones = Array.from({ length: MAX_RANK }, () => 1);
    expect(parse({ a: tensor(0, 4, ones) }, 4)[0]?.shape).toEqual(ones);
    expect(() => parse({ a: tensor(0, 4, [...ones, 1]) }, 4)).toThrow(`shape has ${MAX_RANK + 1} dimensions`);
  });
});

describe('readSafetensorsHeader', () => {
  it('reads a header of the largest allowed length, including spaces', async () => {
    expect(await readHeader(packSafetensors('{}'.padEnd(MAX_HEADER_BYTES)))).toEqual([]);
  });

  it.each([BigInt(MAX_HEADER_BYTES) + 1n, 2n ** 63n, 2n ** 64n - 1n])(
    'refuses an announced header of %d bytes before it allocates anything of that size',
    async (length) => {
      const before = process.memoryUsage().arrayBuffers;
      await expect(readHeader(announce(length, 64))).rejects.toMatchObject({
        reason: 'MODEL_MALFORMED',
        message: `${FILE}: announces a header of ${length} bytes; at most ${MAX_HEADER_BYTES} are read`,
      });
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
    },
  );

  it('refuses a header that the file is too short for', async () => {
    await expect(readHeader(announce(100n, 8 + 99))).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: expect.stringMatching(/header of 100 bytes but has only 99 .* truncated/),
    });
  });

  it.each([0, 7])('refuses a file of %d bytes', async (size) => {
    await expect(readHeader(new Uint8Array(size))).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: expect.stringContaining(`has ${size} bytes`),
    });
  });
});
