import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeWeights } from '../../../../src/plugins/exporters/gguf/describe-weights.js';
import { readGguf } from '../../../../src/plugins/exporters/gguf/read-gguf.js';
import { writeGguf, type GgufTensor, type GgufValue } from '../../../../src/plugins/exporters/gguf/write-gguf.js';
import { makeFolder } from '../../../engine/checkpoint/tiny-checkpoint.js';
import { unattended } from '../../../support/demo-model.js';

/* The layout of ggml's docs/gguf.md, byte by byte. */
const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: number): Buffer => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const text = (value: string): Buffer => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
const half = (bits: number): Buffer => Buffer.from(Uint16Array.of(bits).buffer);

interface Parts {
  readonly magic?: string;
  readonly version?: number;
  readonly entries?: readonly Buffer[];
  readonly tensors?: readonly Buffer[];
  readonly counts?: readonly [tensors: number, entries: number];
  readonly values?: Buffer;
}

/** A file by hand. */
async function store({
  magic = 'GGUF',
  version = 3,
  entries = [],
  tensors = [],
  counts = [tensors.length, entries.length],
  values = Buffer.alloc(0),
}: Parts): Promise<string> {
  const path = join(await makeFolder(), 'model.gguf');
  const header = Buffer.concat([Buffer.from(magic), u32(version), ...counts.map(u64), ...entries, ...tensors]);
  await writeFile(path, Buffer.concat([header, Buffer.alloc((32 - (header.length % 32)) % 32), values]));
  return path;
}

const describeTensor = (name: string, sizes: readonly number[], type: number, offset = 0): Buffer =>
  Buffer.concat([text(name), u32(sizes.length), ...sizes.map(u64), u32(type), u64(offset)]);

const FLOATS = Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);

describe('readGguf', () => {
  it('reads each kind of metadata', async () => {
    const numbers = Buffer.alloc(8);
    numbers.writeDoubleLE(0.1);
    const path = await store({
      entries: [
        Buffer.concat([text('byte'), u32(1), Buffer.of(0xff)]),
        Buffer.concat([text('short'), u32(2), half(0xfffe)]),
        Buffer.concat([text('yes'), u32(7), Buffer.of(1)]),
        Buffer.concat([text('float'), u32(6), Buffer.from(Float32Array.of(0.5).buffer)]),
        Buffer.concat([text('double'), u32(12), numbers]),
        Buffer.concat([text('long'), u32(11), Buffer.from(BigInt64Array.of(-3n).buffer)]),
        Buffer.concat([text('texts'), u32(9), u32(8), u64(2), text('a'), text('ü')]),
      ],
    });
    const file = await readGguf(path);
    await file.close();
    expect(Object.fromEntries(file.metadata)).toEqual({
      byte: -1,
      short: 65_534,
      yes: true,
      float: 0.5,
      double: 0.1,
      long: -3,
      texts: ['a', 'ü'],
    });
  });

  it('reads rows of each type, of quantised ones by whole blocks', async () => {
    const quants = Buffer.from(Array.from({ length: 32 }, (_, i) => i - 16)); // as bytes with a sign
    const nibbles = Buffer.from(Array.from({ length: 16 }, (_, i) => i | ((15 - i) << 4)));
    const path = await store({
      tensors: [
        describeTensor('floats', [3, 2], 0),
        describeTensor('halves', [2], 1, 32),
        describeTensor('brains', [2], 30, 64),
        describeTensor('bytes', [32, 2], 8, 96),
        describeTensor('nibbles', [32], 2, 192),
      ],
      values: Buffer.concat([
        Buffer.concat([FLOATS], 32),
        Buffer.concat([half(0x3c00), half(0xc000)], 32), // 1 and -2
        Buffer.concat([half(0x3f80), half(0x4040)], 32), // 1 and 3
        Buffer.concat([half(0x3c00), quants, half(0x3800), quants], 96), // steps of 1 and 0.5
        Buffer.concat([half(0x4000), nibbles], 32), // steps of 2
      ]),
    });
    const file = await readGguf(path);
    const read = async (name: string, ...rows: readonly number[]): Promise<number[]> => {
      const tensor = file.tensors.get(name);
      return tensor === undefined ? [] : [...(await file.read(tensor, ...rows))];
    };
    const counted = Array.from({ length: 32 }, (_, i) => i - 16);
    try {
      expect(await read('floats')).toEqual([1, 2, 3, 4, 5, 6]);
      expect(await read('floats', 1, 1)).toEqual([4, 5, 6]);
      expect(await read('halves')).toEqual([1, -2]);
      expect(await read('brains')).toEqual([1, 3]);
      expect(await read('bytes', 1, 1)).toEqual(counted.map((value) => value / 2));
      expect(await read('nibbles')).toEqual([
        ...Array.from({ length: 16 }, (_, i) => 2 * (i - 8)),
        ...Array.from({ length: 16 }, (_, i) => 2 * (7 - i)),
      ]);
      await expect(read('floats', 1, 2)).rejects.toThrow(/2 rows from row 1/);
    } finally {
      await file.close();
    }
  });

  it.each<[string, Parts, RegExp]>([
    ['another format', { magic: 'GGML' }, /no GGUF file/],
    ['an older version', { version: 2 }, /version 2; only version 3/],
    ['more tensors than any model has', { counts: [2 ** 40, 0] }, /1099511627776 tensors; at most/],
    ['more metadata than any model has', { counts: [0, 2 ** 40] }, /entries of metadata; at most/],
    ['fewer entries than it announces', { counts: [0, 1] }, /ends within its header/],
    ['a text longer than the file', { counts: [0, 1], entries: [u64(2 ** 52)] }, /ends within its header/],
    [
      'a list longer than the file',
      { entries: [Buffer.concat([text('a'), u32(9), u32(0), u64(2 ** 52)])] },
      /ends within/,
    ],
    ['lists of lists', { entries: [Buffer.concat([text('a'), u32(9), u32(9), u64(1)])] }, /a is an array of arrays/],
    ['an unknown type of metadata', { entries: [Buffer.concat([text('a'), u32(13)])] }, /a is of the unknown type 13/],
    ['an unknown type of tensors', { tensors: [describeTensor('w', [2], 14)] }, /tensor w: is of ggml's type 14/],
    ['too many dimensions', { tensors: [describeTensor('w', [1, 1, 1, 1, 1], 0)] }, /w: has 5 dimensions/],
    ['sizes beyond all files', { tensors: [describeTensor('w', [2 ** 40, 2 ** 40], 0)] }, /w: has the shape/],
    ['parts of blocks', { tensors: [describeTensor('w', [33], 8)] }, /w: has rows of 33 values/],
    ['values beyond its end', { tensors: [describeTensor('w', [7], 0)], values: FLOATS }, /w: ends at .*truncated/],
    ['an offset beyond its end', { tensors: [describeTensor('w', [6], 0, 64)], values: FLOATS }, /w: ends at/],
    [
      'a tensor twice',
      { tensors: [describeTensor('w', [6], 0), describeTensor('w', [6], 0)], values: FLOATS },
      /w: is in the file twice/,
    ],
    [
      'an alignment of nothing',
      { entries: [Buffer.concat([text('general.alignment'), u32(4), u32(0)])] },
      /general\.alignment is 0/,
    ],
  ])('refuses %s', async (_, parts, message) => {
    await expect(readGguf(await store(parts))).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: expect.stringMatching(message) as string,
    });
  });
});

const uint32 = (value: number): GgufValue => ({ type: 'uint32', value });

const defined = <Value>(entries: Readonly<Record<string, Value | undefined>>): Record<string, Value> =>
  Object.fromEntries(Object.entries(entries).filter((entry): entry is [string, Value] => entry[1] !== undefined));

describe('describeWeights', () => {
  const METADATA: Readonly<Record<string, GgufValue>> = {
    'general.architecture': { type: 'string', value: 'llama' },
    'llama.block_count': uint32(1),
    'llama.embedding_length': uint32(4),
    'llama.feed_forward_length': uint32(3),
    'llama.attention.head_count': uint32(2),
    'llama.attention.head_count_kv': uint32(1),
    'llama.attention.key_length': uint32(2),
    'llama.attention.layer_norm_rms_epsilon': { type: 'float32', value: 1e-5 },
    'llama.rope.freq_base': { type: 'float32', value: 1e4 },
    'llama.context_length': uint32(32),
  };
  const SIZES: Readonly<Record<string, readonly number[]>> = {
    'token_embd.weight': [5, 4],
    'blk.0.attn_norm.weight': [4],
    'blk.0.attn_q.weight': [4, 4],
    'blk.0.attn_k.weight': [2, 4],
    'blk.0.attn_v.weight': [2, 4],
    'blk.0.attn_output.weight': [4, 4],
    'blk.0.ffn_norm.weight': [4],
    'blk.0.ffn_gate.weight': [3, 4],
    'blk.0.ffn_up.weight': [3, 4],
    'blk.0.ffn_down.weight': [4, 3],
    'output_norm.weight': [4],
  };

  async function open(metadata: Readonly<Record<string, GgufValue>>, sizes: typeof SIZES) {
    const path = join(await makeFolder(), 'model.gguf');
    const tensors = Object.entries(sizes).map(([name, shape]): GgufTensor => {
      const values = Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, i) => i + 1);
      return { name, shape, type: 'F32', read: async () => new Uint8Array(values.buffer) };
    });
    await writeGguf({ path, metadata, tensors, work: unattended });
    const file = await readGguf(path);
    try {
      const { source } = await describeWeights(file);
      return { ...source, query: await source.readTensor('model.layers.0.self_attn.q_proj.weight') };
    } finally {
      await file.close();
    }
  }

  it('has the tensors by their names in Hugging Face files, rows in their order there', async () => {
    const { config, query } = await open(METADATA, SIZES);
    expect(config.shape).toMatchObject({ hidden: 4, headDim: 2, vocabulary: 5, tiedEmbeddings: true });
    expect(config.shape.layers).toEqual([{ kvHeads: 1, queryHeadsPerKv: 2, ffnChannels: 3 }]);
    expect([...query]).toEqual(Array.from({ length: 16 }, (_, i) => i + 1)); // heads of two values have one order
  });

  it.each<
    [string, Readonly<Record<string, GgufValue | undefined>>, Readonly<Record<string, number[] | undefined>>, RegExp]
  >([
    [
      'an architecture that it does not know',
      { 'general.architecture': { type: 'string', value: 'gptj' } },
      {},
      /gptj; those read are .*deci/,
    ],
    [
      'no architecture',
      { 'general.architecture': undefined },
      {},
      /general\.architecture is missing; it must be a text/,
    ],
    ['no size', { 'llama.embedding_length': undefined }, {}, /llama\.embedding_length is missing; .*whole number/],
    ['layers beyond all models', { 'llama.block_count': uint32(2 ** 31) }, {}, /llama\.block_count is 2147483648/],
    [
      'sizes of other layers',
      { 'llama.feed_forward_length': { type: 'uint32s', value: [3, 3] } },
      {},
      /each of 1 layers/,
    ],
    ['heads that do not share', { 'llama.attention.head_count_kv': uint32(3) }, {}, /2 query heads for 3/],
    [
      'an unknown scaling',
      {
        'llama.rope.scaling.type': { type: 'string', value: 'longrope' },
        'llama.rope.scaling.factor': { type: 'float32', value: 2 },
      },
      {},
      /longrope/,
    ],
    ['a tensor that is missing', {}, { 'blk.0.ffn_up.weight': undefined }, /blk\.0\.ffn_up\.weight: is missing/],
    [
      'a tensor of another shape',
      {},
      { 'blk.0.ffn_up.weight': [2, 4] },
      /has the shape 2 x 4; the metadata ask for 3 x 4/,
    ],
    ['a tensor of no part', {}, { 'blk.0.ssm_a.weight': [4] }, /blk\.0\.ssm_a\.weight: belongs to no part/],
  ])('refuses %s', async (_, metadata, sizes, message) => {
    const opening = open(defined({ ...METADATA, ...metadata }), defined({ ...SIZES, ...sizes }));
    await expect(opening).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: expect.stringMatching(message) as string,
    });
  });
});
