import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { PrunedTensor } from '../../../src/core/ports/exporter.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { writeFileSynced, writeSafetensors } from '../../../src/engine/checkpoint/write-safetensors.js';
import { makeFolder, TINY_CONFIG, tinyTensors, writeFolder } from './tiny-checkpoint.js';

const work = { signal: new AbortController().signal };

/** The tiny model's tensors, with the norms in float32 between an odd number of 16-bit values. */
function listTensors(): PrunedTensor[] {
  return Object.entries(tinyTensors()).map(([name, { shape, bytes }]) => {
    const isNorm = name.includes('norm');
    const content = isNorm ? bytes : bytes.subarray(0, bytes.length / 2);
    return { name, dtype: isNorm ? 'F32' : 'BF16', shape, read: async () => content };
  });
}

describe('writeSafetensors', () => {
  it('writes one file that reads back as it was given', async () => {
    const folder = await writeFolder({ 'config.json': TINY_CONFIG });
    const { files, bytes } = await writeSafetensors({
      directory: folder,
      tensors: listTensors(),
      shardBytes: 1e9,
      work,
    });
    expect(files).toEqual(['model.safetensors']);
    expect(bytes).toBe((await readFile(join(folder, 'model.safetensors'))).length);
    const checkpoint = await openCheckpoint(folder);
    for (const tensor of listTensors()) {
      expect(checkpoint.tensors.get(tensor.name)).toMatchObject({ dtype: tensor.dtype, shape: tensor.shape });
      expect(await checkpoint.readBytes(tensor.name)).toEqual(await tensor.read());
    }
    await checkpoint.close();
  });

  it('places every tensor at a multiple of its value size', async () => {
    const folder = await writeFolder({ 'config.json': TINY_CONFIG });
    await writeSafetensors({ directory: folder, tensors: listTensors(), shardBytes: 1e9, work });
    const checkpoint = await openCheckpoint(folder);
    expect(
      [...checkpoint.tensors.values()].filter(({ offset, dtype }) => offset % (dtype === 'F32' ? 4 : 2) !== 0),
    ).toEqual([]);
    await checkpoint.close();
  });

  it('starts a new file before the limit is exceeded, with an index of all files', async () => {
    const folder = await writeFolder({ 'config.json': TINY_CONFIG });
    const { files } = await writeSafetensors({ directory: folder, tensors: listTensors(), shardBytes: 40, work });
    expect(files.length).toBeGreaterThan(3);
    expect(new Set(await readdir(folder))).toEqual(new Set([...files, 'config.json']));
    expect(files[0]).toBe(`model-00001-of-${String(files.length - 1).padStart(5, '0')}.safetensors`);
    const checkpoint = await openCheckpoint(folder);
    const filled = new Map<string, number>();
    for (const { file, bytes } of checkpoint.tensors.values()) filled.set(file, (filled.get(file) ?? 0) + bytes);
    expect(Math.max(...filled.values())).toBeLessThanOrEqual(40);
    for (const tensor of listTensors()) expect(await checkpoint.readBytes(tensor.name)).toEqual(await tensor.read());
    await checkpoint.close();
    const index = JSON.parse(await readFile(join(folder, 'model.safetensors.index.json'), 'utf8')) as {
      metadata: { total_size: number };
    };
    expect(index.metadata.total_size).toBe([...filled.values()].reduce((a, b) => a + b, 0));
  });

  it('gives a tensor above the limit its own file', async () => {
    const folder = await makeFolder();
    const tensors = listTensors().slice(0, 3);
    expect((await writeSafetensors({ directory: folder, tensors, shardBytes: 1, work })).files).toHaveLength(4);
  });

  it('ends with the reason of the signal, and never overwrites a file', async () => {
    const folder = await makeFolder();
    const abort = new AbortController();
    const tensors = listTensors().map((tensor) => ({
      ...tensor,
      read: async () => {
        abort.abort(new Error('enough'));
        return tensor.read();
      },
    }));
    await expect(
      writeSafetensors({ directory: folder, tensors, shardBytes: 1e9, work: { signal: abort.signal } }),
    ).rejects.toThrow('enough');
    await expect(
      writeSafetensors({ directory: folder, tensors: listTensors(), shardBytes: 1e9, work }),
    ).rejects.toThrow('EEXIST');
  });

  it('reads a large tensor in pieces of whole rows, so that memory never holds all of it', async () => {
    const folder = await makeFolder();
    const [rows, columns] = [1001, 3000]; // 12 MB
    const asked: number[] = [];
    const tensor: PrunedTensor = {
      name: 'w',
      dtype: 'F32',
      shape: [rows, columns],
      read: async ({ first, count } = { first: 0, count: rows }) => {
        asked.push(count);
        return new Uint8Array(Float32Array.from({ length: count * columns }, (_, i) => first * columns + i).buffer);
      },
    };
    await writeSafetensors({ directory: folder, tensors: [tensor], shardBytes: 1e9, work });
    expect(Math.max(...asked) * columns * 4).toBeLessThanOrEqual(4 * 2 ** 20);
    const bytes = await readFile(join(folder, 'model.safetensors'));
    const values = new Float32Array(bytes.buffer.slice(bytes.length - rows * columns * 4));
    expect(values.length).toBe(rows * columns);
    expect(values.findIndex((value, i) => value !== i)).toBe(-1);
    // One that gives all of itself for some of its rows
    const whole = { ...tensor, read: () => tensor.read() };
    await expect(
      writeSafetensors({ directory: await makeFolder(), tensors: [whole], shardBytes: 1e9, work }),
    ).rejects.toThrow('w has 12012000 bytes from row 0 on, its shape asks for 4188000');
  });

  it('reports bytes up to the total', async () => {
    const seen: number[] = [];
    await writeSafetensors({
      directory: await makeFolder(),
      tensors: listTensors(),
      shardBytes: 1e9,
      work: { ...work, report: ({ done, total }) => seen.push(done / total) },
    });
    expect(seen).toHaveLength(11);
    expect(seen.at(-1)).toBe(1);
  });
});

describe('writeFileSynced', () => {
  it('waits for a slow disk in one thread of Node at most, and fails if the disk does', async () => {
    const path = join(await makeFolder(), 'other');
    const handle = await open(path, 'w');
    const files = Object.getPrototypeOf(handle) as typeof handle;
    await handle.close();
    let fail: ((error: Error) => void) | undefined;
    const slow = vi.spyOn(files, 'datasync').mockImplementation(() => new Promise((_, reject) => (fail = reject)));
    const mocked = [
      slow,
      vi.spyOn(files, 'write').mockImplementation(async (bytes) => ({ bytesWritten: bytes.length, buffer: bytes })),
    ];
    const megabytes = new Uint8Array(64 * 1024 * 1024);
    const written = writeFileSynced(`${path}.new`, async (file) => {
      for (let part = 0; part < 4; part += 1) await file.write(megabytes);
      expect(slow).toHaveBeenCalledTimes(1);
      fail?.(new Error('the disk is gone'));
    });
    await expect(written).rejects.toThrow('the disk is gone');
    for (const mock of mocked) mock.mockRestore();
  });
});
