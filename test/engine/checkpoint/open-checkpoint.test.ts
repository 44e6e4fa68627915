import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countParameters } from '../../../src/core/model/parameters.js';
import type { Checkpoint } from '../../../src/engine/checkpoint/checkpoint.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { MAX_CONFIG_BYTES } from '../../../src/engine/checkpoint/parse-config.js';
import { MAX_SHARDS } from '../../../src/engine/checkpoint/safetensors-index.js';
import { hasShared, sharedPath } from '../../support/shared.js';
import {
  countUp,
  packTensors,
  TINY_CONFIG,
  tinyTensors,
  writeFolder,
  writeTiny,
  type TinyTensor,
} from './tiny-checkpoint.js';

const STORIES = join(import.meta.dirname, '../../../models/stories260k');
const EMBEDDING = 'model.embed_tokens.weight';
const DOWN = 'model.layers.0.mlp.down_proj.weight';

async function use<T>(folder: string, action: (checkpoint: Checkpoint) => Promise<T> | T): Promise<T> {
  const checkpoint = await openCheckpoint(folder);
  try {
    return await action(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

function readDigest(folder: string): Promise<string> {
  return use(folder, (checkpoint) => checkpoint.digest);
}

/** The tiny model in two files, with an index that may be wrong. */
function writeSharded(lies: Readonly<Record<string, unknown>> = {}, files: object = {}): Promise<string> {
  const { [EMBEDDING]: embedding, ...rest } = tinyTensors();
  const map = {
    [EMBEDDING]: 'a.safetensors',
    ...Object.fromEntries(Object.keys(rest).map((name) => [name, 'b.safetensors'])),
    ...lies,
  };
  return writeFolder({
    'config.json': TINY_CONFIG,
    'model.safetensors.index.json': { metadata: { total_size: 1 }, weight_map: map },
    'a.safetensors': packTensors({ [EMBEDDING]: embedding as TinyTensor }),
    'b.safetensors': packTensors(rest),
    ...files,
  });
}

describe('openCheckpoint', () => {
  it('reads the demo model: sizes, and every parameter counted once', async () => {
    await use(STORIES, ({ shape, tensors }) => {
      expect(shape.layers).toEqual(
        Array.from({ length: 5 }, () => ({ kvHeads: 4, queryHeadsPerKv: 2, ffnChannels: 172 })),
      );
      expect(shape).toMatchObject({ hidden: 64, headDim: 8, vocabulary: 512, tiedEmbeddings: true });
      expect(countParameters(shape, shape.layers) * 4).toBe(
        [...tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0),
      );
    });
  });

  it.each([
    ['F32', 4],
    ['F16', 2],
    ['BF16', 2],
  ] as const)('reads %s tensors as float32, and their own bytes', async (dtype, width) => {
    // 1, -2 and 0.5 in each dtype, by hand
    const bits = {
      F32: [0x3f800000, 0xc0000000, 0x3f000000],
      F16: [0x3c00, 0xc000, 0x3800],
      BF16: [0x3f80, 0xc000, 0x3f00],
    }[dtype];
    const bytes = new Uint8Array(
      (width === 4 ? Uint32Array.from([...bits, ...bits]) : Uint16Array.from([...bits, ...bits])).buffer,
    );
    const folder = await writeTiny({ tensors: { [DOWN]: { dtype, shape: [2, 3], bytes } } });
    await use(folder, async (checkpoint) => {
      expect([...(await checkpoint.readTensor(DOWN))]).toEqual([1, -2, 0.5, 1, -2, 0.5]);
      expect(await checkpoint.readBytes(DOWN)).toEqual(bytes);
      await expect(checkpoint.readTensor('lm_head.weight')).rejects.toThrow('no tensor lm_head.weight');
    });
  });

  it.each([
    ['F32', 0x7fc00000, 'NaN'],
    ['F32', 0xff800000, '-Infinity'],
    ['F16', 0x7c00, 'Infinity'],
    ['BF16', 0x7f80, 'Infinity'],
    ['BF16', 0xffc0, 'NaN'],
  ] as const)(
    'names the tensor and index of a value in %s with the bits %s, however it is read',
    async (dtype, bits, value) => {
      const values = [0, 0, 0, 0, 0, 0].map((_, place) => (place === 4 ? bits : 0)); // [2, 3]: row 1, column 1
      const bytes = new Uint8Array((dtype === 'F32' ? Uint32Array.from(values) : Uint16Array.from(values)).buffer);
      const folder = await writeTiny({ tensors: { [DOWN]: { dtype, shape: [2, 3], bytes } } });
      const refusal = {
        reason: 'MODEL_MALFORMED',
        message: expect.stringContaining(`${DOWN}: the value at [1, 1] is ${value}`),
        metadata: { file: 'model.safetensors', tensor: DOWN },
      };
      await use(folder, async (checkpoint) => {
        await expect(checkpoint.readTensor(DOWN)).rejects.toMatchObject(refusal);
        await expect(checkpoint.readRows(DOWN, 1, 1)).rejects.toMatchObject(refusal);
        await expect(checkpoint.readBytes(DOWN)).rejects.toMatchObject(refusal);
        expect([...(await checkpoint.readRows(DOWN, 0, 1))]).toEqual([0, 0, 0]);
      });
    },
  );

  it('reads the largest finite value of each dtype', async () => {
    const bytes = new Uint8Array(Uint16Array.from([0x7bff, 0xfbff, 0, 0, 0, 0]).buffer);
    await use(await writeTiny({ tensors: { [DOWN]: { dtype: 'F16', shape: [2, 3], bytes } } }), async (checkpoint) => {
      expect([...(await checkpoint.readTensor(DOWN))].slice(0, 2)).toEqual([65504, -65504]);
    });
  });

  it('reads a sharded checkpoint like one in a single file', async () => {
    const names = Object.keys(tinyTensors());
    const values = async (checkpoint: Checkpoint): Promise<unknown> =>
      Promise.all(names.map((name) => checkpoint.readTensor(name)));
    expect(await use(await writeSharded(), values)).toEqual(await use(await writeTiny(), values));
  });

  it('gives equal contents the same digest in any place, and changed weights or configuration another', async () => {
    const folder = await writeTiny();
    const first = await readDigest(folder);
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(await readDigest(await writeTiny())).toBe(first);
    expect(await readDigest(await writeTiny({ config: { rms_norm_eps: 1e-5 } }))).not.toBe(first);
    const bytes = await readFile(join(folder, 'model.safetensors'));
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await writeFile(join(folder, 'model.safetensors'), bytes);
    expect(await readDigest(folder)).not.toBe(first); // the same path and size, and this process has read it before
  });

  it.each([
    ['bos_token_id', 1],
    ['rms_norm_eps', 1e-5],
    ['rope_theta', 5e5],
    ['rope_scaling', { type: 'linear', factor: 2 }],
    ['max_position_embeddings', 32],
    ['hidden_act', 'swish'],
    ['model_type', 'mistral'],
  ])('gives weights that are computed with another %s another digest', async (field, value) => {
    expect(await readDigest(await writeTiny({ config: { [field]: value } }))).not.toBe(
      await readDigest(await writeTiny()),
    );
  });

  it.each([
    [
      'a missing tensor',
      { tensors: { [DOWN]: undefined } },
      'MODEL_MALFORMED',
      /down_proj.weight: is required with shape \[2,3\], but is in no weight file/,
    ],
    [
      'a tensor of another shape',
      { tensors: { [DOWN]: countUp([3, 2]) } },
      'MODEL_MALFORMED',
      /down_proj.weight: has shape \[3,2\]; config.json requires \[2,3\]/,
    ],
    [
      'a head that is not there',
      { config: { tie_word_embeddings: false } },
      'MODEL_MALFORMED',
      /lm_head.weight: is required/,
    ],
    [
      'a bias that config.json does not speak of',
      { tensors: { 'model.layers.0.mlp.down_proj.bias': countUp([2]) } },
      'MODEL_UNSUPPORTED',
      /down_proj.bias: is not part of a llama model with this config.json: correct attention_bias and mlp_bias in config.json, or delete the tensor/,
    ],
    [
      'a dtype that is not read',
      { tensors: { [DOWN]: { ...countUp([2, 3]), dtype: 'I32' } } },
      'MODEL_UNSUPPORTED',
      /has dtype I32, so its weights are quantised; those read are F32, F16, BF16/,
    ],
    [
      'values cut short',
      { files: { 'model.safetensors': packTensors(tinyTensors()).subarray(0, -1) } },
      'MODEL_MALFORMED',
      /model.norm.weight: ends at .* it is truncated/,
    ],
    [
      'a configuration that is not JSON',
      { files: { 'config.json': new TextEncoder().encode('{') } },
      'MODEL_MALFORMED',
      /config.json: is not JSON/,
    ],
    [
      'a configuration of one byte too many',
      { files: { 'config.json': new TextEncoder().encode('{}'.padEnd(MAX_CONFIG_BYTES + 1)) } },
      'MODEL_MALFORMED',
      new RegExp(`has ${MAX_CONFIG_BYTES + 1} bytes; at most ${MAX_CONFIG_BYTES}`),
    ],
  ])('refuses %s', async (_what, changes, reason, message) => {
    await expect(openCheckpoint(await writeTiny(changes))).rejects.toMatchObject({
      reason,
      message: expect.stringMatching(message),
    });
  });

  it('reads a configuration of the largest size', async () => {
    const text = JSON.stringify(TINY_CONFIG).padEnd(MAX_CONFIG_BYTES);
    await use(await writeTiny({ files: { 'config.json': new TextEncoder().encode(text) } }), ({ shape }) =>
      expect(shape.hidden).toBe(2),
    );
  });

  it('distinguishes a folder without config.json from one without weights', async () => {
    await expect(openCheckpoint(await writeFolder({}))).rejects.toMatchObject({ reason: 'MODEL_NOT_FOUND' });
    await expect(openCheckpoint(await writeFolder({ 'config.json': TINY_CONFIG }))).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: expect.stringContaining('nor does model.safetensors.index.json'),
    });
  });

  it.each([
    ['../a.safetensors'],
    ['/etc/a.safetensors'],
    ['sub/../a.safetensors'],
    ['sub/.hidden/a.safetensors'],
    ['sub//a.safetensors'],
    ['a/b/c/d/e/a.safetensors'],
    ['..\\a.safetensors'],
    ['.hidden.safetensors'],
    ['a.bin'],
    [''],
    [7],
    [null],
    ['a.safetensors\u0000'],
    [`${'a'.repeat(300)}.safetensors`],
  ])('refuses an index that names the file %j', async (file) => {
    await expect(openCheckpoint(await writeSharded({ [EMBEDDING]: file }))).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: expect.stringMatching(
        /index.json: tensor model.embed_tokens.weight: is in .*; only a file in the folder or a subfolder/,
      ),
    });
  });

  it.each([
    [
      'a file that is not there',
      { [EMBEDDING]: 'c.safetensors' },
      {},
      /embed_tokens.weight: should be in c.safetensors, which is not in the folder/,
    ],
    [
      'a tensor in the wrong file',
      { [EMBEDDING]: 'b.safetensors', [DOWN]: 'a.safetensors' },
      {},
      /should be in .*, but is in/,
    ],
    [
      'a tensor that no file has',
      { 'model.layers.0.mlp.down_proj.bias': 'a.safetensors' },
      {},
      /down_proj.bias: should be in a.safetensors, which does not have it/,
    ],
    [
      'two files with one tensor',
      {},
      { 'a.safetensors': packTensors({ [EMBEDDING]: countUp([3, 2]), [DOWN]: countUp([2, 3]) }) },
      /down_proj.weight: is in a.safetensors too/,
    ],
    [
      'more files than allowed',
      Object.fromEntries(Array.from({ length: MAX_SHARDS }, (_, i) => [`x${i}`, `x${i}.safetensors`])),
      {},
      new RegExp(`names ${MAX_SHARDS + 2} files; at most ${MAX_SHARDS}`),
    ],
  ])('refuses an index with %s', async (_what, lies, files, message) => {
    await expect(openCheckpoint(await writeSharded(lies, files))).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: expect.stringMatching(message),
    });
  });

  describe.skipIf(!hasShared)('on the reference families', () => {
    it.each(['llama-gqa-tied', 'llama-head-dim-bias', 'llama-mha', 'llama-rope-llama3', 'mistral', 'qwen2', 'qwen3'])(
      'opens %s, and leaves no parameter out',
      async (name) => {
        await use(sharedPath('reference/families', name), ({ shape, tensors }) => {
          expect(countParameters(shape, shape.layers) * 4).toBe(
            [...tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0),
          );
        });
      },
    );
  });
});
