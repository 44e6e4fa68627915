import { describe, expect, it } from 'vitest';
import type { PrunedTensor } from '../../../src/core/ports/exporter.js';
import { convertTensor as convertThrough } from '../../../src/engine/checkpoint/convert-tensor.js';
import { createSpareMemory } from '../../../src/engine/checkpoint/piece-memory.js';

const convertTensor = (tensor: PrunedTensor, dtype: PrunedTensor['dtype']): PrunedTensor =>
  convertThrough(tensor, dtype, createSpareMemory());

/** A tensor whose bytes start at an odd place of their buffer, as those of a file may. */
function make(dtype: PrunedTensor['dtype'], values: Uint32Array | Uint16Array | Float32Array): PrunedTensor {
  const bytes = new Uint8Array(values.byteLength + 1);
  bytes.set(new Uint8Array(values.buffer), 1);
  return { name: 'w', dtype, shape: [values.length], read: async () => bytes.subarray(1) };
}

async function readHalves(tensor: PrunedTensor): Promise<number[]> {
  return [...new Uint16Array((await tensor.read()).slice().buffer)];
}

async function readFloats(tensor: PrunedTensor): Promise<number[]> {
  return [...new Float32Array((await tensor.read()).slice().buffer)];
}

describe('convertTensor', () => {
  it('rounds float32 to the nearest bfloat16, and a value half-way to the even one', async () => {
    // Between 1 and 2 a bfloat16 has steps of 2^-7: 0x3f80 is 1, 0x3f81 is 1 + 2^-7, 0x3f82 is 1 + 2^-6.
    const source = Float32Array.of(1, 1 + 2 ** -8, 1 + 2 ** -7 + 2 ** -8, 1 + 2 ** -8 + 2 ** -23, -3.140625, 1e-40);
    const converted = convertTensor(make('F32', source), 'BF16');
    expect(converted).toMatchObject({ name: 'w', dtype: 'BF16', shape: [6] });
    expect(await readHalves(converted)).toEqual([0x3f80, 0x3f80, 0x3f82, 0x3f81, 0xc049, 0x0001]);
  });

  it('rounds float32 to the nearest float16, also below its normal range', async () => {
    // Between 1 and 2 a float16 has steps of 2^-10; below 2^-14 of 2^-24.
    const source = Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, -2, 2 ** -24, 2 ** -25, 3 * 2 ** -25, 65_519.996);
    expect(await readHalves(convertTensor(make('F32', source), 'F16'))).toEqual([
      0x3c00, 0x3c02, 0xc000, 0x0001, 0x0000, 0x0002, 0x7bff,
    ]);
  });

  it('widens 16-bit values exactly, and converts one 16-bit dtype to the other by their values', async () => {
    const halves = Uint16Array.of(0x3c01, 0x0001, 0xfbff); // 1 + 2^-10, 2^-24, -65504
    expect(await readFloats(convertTensor(make('F16', halves), 'F32'))).toEqual([1 + 2 ** -10, 2 ** -24, -65_504]);
    expect(await readHalves(convertTensor(make('F16', halves), 'BF16'))).toEqual([0x3f80, 0x3380, 0xc780]);
    // 1 + 2^-7 and -32768
    expect(await readHalves(convertTensor(make('BF16', Uint16Array.of(0x3f81, 0xc700)), 'F16'))).toEqual([
      0x3c08, 0xf800,
    ]);
  });

  it('converts the values of every slice in their order', async () => {
    const count = 256 * 1024 + 3;
    const source = Float32Array.from({ length: count }, (_, i) => (i % 2048) - 1024);
    const back = convertTensor(convertTensor(make('F32', source), 'F16'), 'F32');
    expect(Buffer.compare(await back.read(), Buffer.from(source.buffer))).toBe(0);
  });

  it('refuses a value that the dtype cannot hold, by the name of its tensor, with the dtypes that can', async () => {
    const over = convertTensor(make('F32', Float32Array.of(0, -65_520)), 'F16');
    await expect(over.read()).rejects.toMatchObject({
      reason: 'VALUES_OUT_OF_RANGE',
      message:
        'w: the value at 1 is -65520, which F16 cannot hold: write the output as BF16 or F32, or in the dtype of the checkpoint',
      metadata: { tensor: 'w', dtype: 'F16', index: '1', value: '-65520' },
    });
    await expect(convertTensor(make('F32', Float32Array.of(3.4e38)), 'BF16').read()).rejects.toMatchObject({
      message: expect.stringContaining('write the output as F32') as unknown,
    });
  });

  it('converts some rows, and counts the place of a value that it refuses from the first of all', async () => {
    const values = Float32Array.of(0, 1, 2, 3, 4, 65_520);
    const matrix: PrunedTensor = {
      name: 'w',
      dtype: 'F32',
      shape: [3, 2],
      read: async ({ first, count } = { first: 0, count: 3 }) =>
        new Uint8Array(values.slice(2 * first, 2 * (first + count)).buffer),
    };
    const converted = convertTensor(matrix, 'F16');
    const rows = (first: number) => converted.read({ first, count: 1 });
    expect([...new Uint16Array((await rows(1)).slice().buffer)]).toEqual([0x4000, 0x4200]); // 2 and 3
    await expect(rows(2)).rejects.toMatchObject({ metadata: { index: '5' } });
  });

  it('returns the tensor itself where it has the dtype', () => {
    const tensor = make('F16', Uint16Array.of(1));
    expect(convertTensor(tensor, 'F16')).toBe(tensor);
  });
});
