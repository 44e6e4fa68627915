import { describe, expect, it } from 'vitest';
import type { KeptUnits } from '../../../src/core/model/units.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { pruneModel, type ReplacedTensors } from '../../../src/engine/surgery/prune-model.js';
import { packTensors, TINY_CONFIG, tinyTensors, writeFolder, type TinyTensor } from '../checkpoint/tiny-checkpoint.js';

const BLOCK = 'model.layers.0.';

async function prune(
  kept: KeptUnits,
  options: {
    readonly replace?: ReplacedTensors;
    readonly tensors?: Record<string, TinyTensor>;
    readonly config?: object;
  } = {},
) {
  const folder = await writeFolder({
    'config.json': { ...TINY_CONFIG, ...options.config },
    'model.safetensors': packTensors(options.tensors ?? tinyTensors()),
  });
  const checkpoint = await openCheckpoint(folder);
  try {
    const model = pruneModel({
      checkpoint,
      keptUnits: kept,
      ...(options.replace === undefined ? {} : { replace: options.replace }),
    });
    const tensors = new Map<string, { shape: readonly number[]; values: number[]; bytes: Uint8Array }>();
    for (const { name, shape, read } of model.tensors) {
      const bytes = await read();
      tensors.set(name, {
        shape,
        bytes,
        values: [...new Float32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 4))],
      });
    }
    return { model, tensors };
  } finally {
    await checkpoint.close();
  }
}

async function listBlockTensors(kept: KeptUnits): Promise<string[]> {
  const { tensors } = await prune(kept);
  return [...tensors.keys()].filter((name) => name.startsWith(BLOCK)).map((name) => name.slice(BLOCK.length));
}

function bias(values: readonly number[]): TinyTensor {
  return { dtype: 'F32', shape: [values.length], bytes: new Uint8Array(Float32Array.from(values).buffer) };
}

describe('pruneModel', () => {
  it('reads each row of a tensor, cut or compensated, as it reads the whole', async () => {
    const kept = [{ kvGroups: [1], queryHeads: [2, 3], ffnChannels: [0, 2] }];
    const down = Float32Array.of(1, 2, 3, 4);
    let computed = 0;
    const replace: ReplacedTensors = new Map<string, Float32Array | (() => Promise<Float32Array>)>([
      [
        `${BLOCK}mlp.down_proj.weight`,
        async () => {
          computed += 1;
          return down;
        },
      ],
      [`${BLOCK}self_attn.o_proj.bias`, Float32Array.of(7, 8)],
    ]);
    const folder = await writeFolder({ 'config.json': TINY_CONFIG, 'model.safetensors': packTensors(tinyTensors()) });
    const checkpoint = await openCheckpoint(folder);
    try {
      const { tensors } = pruneModel({ checkpoint, keptUnits: kept, replace });
      for (const { name, shape, read } of tensors) {
        const rows: Uint8Array[] = [];
        for (let first = 0; first < (shape[0] ?? 0); first += 1) rows.push(await read({ first, count: 1 }));
        expect([name, Buffer.concat(rows)]).toEqual([name, Buffer.from(await read())]);
      }
      expect(computed).toBe(2); // once for the rows, once for the whole
    } finally {
      await checkpoint.close();
    }
  });

  it('keeps the rows and columns of the kept units, worked out by hand', async () => {
    // Group 1 of 2 with the second of its two heads (head 3 of 4), channels 0 and 2 of 3; heads have 2 rows each.
    const { model, tensors } = await prune([{ kvGroups: [1], queryHeads: [3], ffnChannels: [2, 0] }]);
    expect(model.architecture).toEqual([{ kvHeads: 1, queryHeadsPerKv: 1, ffnChannels: 2 }]);
    const found = (name: string): unknown => [
      tensors.get(`${BLOCK}${name}.weight`)?.shape,
      tensors.get(`${BLOCK}${name}.weight`)?.values,
    ];
    expect(found('self_attn.q_proj')).toEqual([
      [2, 2],
      [1600, 1601, 1700, 1701],
    ]);
    expect(found('self_attn.k_proj')).toEqual([
      [2, 2],
      [2200, 2201, 2300, 2301],
    ]);
    expect(found('self_attn.v_proj')).toEqual([
      [2, 2],
      [3200, 3201, 3300, 3301],
    ]);
    expect(found('self_attn.o_proj')).toEqual([
      [2, 2],
      [4006, 4007, 4106, 4107],
    ]);
    expect(found('mlp.gate_proj')).toEqual([
      [2, 2],
      [5000, 5001, 5200, 5201],
    ]);
    expect(found('mlp.up_proj')).toEqual([
      [2, 2],
      [6000, 6001, 6200, 6201],
    ]);
    expect(found('mlp.down_proj')).toEqual([
      [2, 2],
      [7000, 7002, 7100, 7102],
    ]);
    expect(tensors.get('model.embed_tokens.weight')?.values).toEqual([0, 1, 100, 101, 200, 201]);
    expect(tensors.get(`${BLOCK}input_layernorm.weight`)?.values).toEqual([0, 100]);
    expect(tensors.has('lm_head.weight')).toBe(false);
  });

  it('leaves nothing of a dropped half-block, not even its norm', async () => {
    expect(await listBlockTensors([{ kvGroups: [], queryHeads: [], ffnChannels: [1] }])).toEqual([
      'post_attention_layernorm.weight',
      'mlp.gate_proj.weight',
      'mlp.up_proj.weight',
      'mlp.down_proj.weight',
    ]);
    expect(await listBlockTensors([{ kvGroups: [0], queryHeads: [0, 1], ffnChannels: [] }])).toEqual([
      'input_layernorm.weight',
      ...['q', 'k', 'v', 'o'].map((part) => `self_attn.${part}_proj.weight`),
    ]);
    expect(await listBlockTensors([{ kvGroups: [], queryHeads: [], ffnChannels: [] }])).toEqual([]);
  });

  it('moves the bits of 16-bit weights, among them the largest, the smallest and a negative zero', async () => {
    const gate = Uint16Array.of(0x7bff, 0x0001, 0x3800, 0x3801, 0x8000, 0x3c00); // [3, 2]
    const tensors = {
      ...tinyTensors(),
      [`${BLOCK}mlp.gate_proj.weight`]: { dtype: 'F16', shape: [3, 2], bytes: new Uint8Array(gate.buffer) },
    };
    const pruned = await prune([{ kvGroups: [0], queryHeads: [0, 1], ffnChannels: [0, 2] }], { tensors });
    const cut = pruned.tensors.get(`${BLOCK}mlp.gate_proj.weight`)?.bytes;
    expect(pruned.model.tensors.find(({ name }) => name.endsWith('gate_proj.weight'))?.dtype).toBe('F16');
    expect(cut).toEqual(new Uint8Array(Uint16Array.of(0x7bff, 0x0001, 0x8000, 0x3c00).buffer));
  });

  it('cuts biases of q, k, v, gate and up with their rows and leaves those of o and down whole', async () => {
    const biases = {
      'self_attn.q_proj': [0, 1, 2, 3, 4, 5, 6, 7],
      'self_attn.k_proj': [0, 1, 2, 3],
      'self_attn.v_proj': [0, 1, 2, 3],
      'self_attn.o_proj': [8, 9],
      'mlp.gate_proj': [0, 1, 2],
      'mlp.up_proj': [0, 1, 2],
      'mlp.down_proj': [8, 9],
    };
    const tensors = {
      ...tinyTensors(),
      ...Object.fromEntries(Object.entries(biases).map(([name, values]) => [`${BLOCK}${name}.bias`, bias(values)])),
    };
    const pruned = await prune([{ kvGroups: [1], queryHeads: [2, 3], ffnChannels: [1] }], {
      tensors,
      config: { attention_bias: true, mlp_bias: true },
    });
    const values = Object.keys(biases).map((name) => pruned.tensors.get(`${BLOCK}${name}.bias`)?.values);
    expect(values).toEqual([[4, 5, 6, 7], [2, 3], [2, 3], [8, 9], [1], [1], [8, 9]]);
  });

  it('replaces cut tensors by compensated ones, rounded to the source dtype, and reads lazy ones only when written', async () => {
    const gate = { dtype: 'BF16', shape: [2, 3], bytes: new Uint8Array(12) };
    const replace: ReplacedTensors = new Map<string, Float32Array | (() => Promise<Float32Array>)>([
      [`${BLOCK}mlp.down_proj.weight`, Float32Array.of(1, 1 + 2 ** -8)], // half a bfloat16 step above 1: ties to even
      [`${BLOCK}self_attn.o_proj.weight`, async () => Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8)],
    ]);
    const pruned = await prune([{ kvGroups: [0], queryHeads: [0, 1], ffnChannels: [0] }], {
      replace,
      tensors: { ...tinyTensors(), [`${BLOCK}mlp.down_proj.weight`]: gate },
    });
    expect(pruned.tensors.get(`${BLOCK}mlp.down_proj.weight`)?.bytes).toEqual(
      new Uint8Array(Uint16Array.of(0x3f80, 0x3f80).buffer),
    );
    expect(pruned.tensors.get(`${BLOCK}self_attn.o_proj.weight`)?.values).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('adds a bias that the model did not have, with zeros where it is not given', async () => {
    const replace = new Map([[`${BLOCK}mlp.down_proj.bias`, Float32Array.of(5, 6)]]);
    const { model, tensors } = await prune([{ kvGroups: [0], queryHeads: [0, 1], ffnChannels: [0, 1] }], { replace });
    expect(model.shape.biases).toEqual({ queryKeyValue: false, attentionOutput: false, ffn: true });
    expect(tensors.get(`${BLOCK}mlp.down_proj.bias`)?.values).toEqual([5, 6]);
    expect(tensors.get(`${BLOCK}mlp.gate_proj.bias`)?.values).toEqual([0, 0]);
    expect(tensors.has(`${BLOCK}self_attn.o_proj.bias`)).toBe(false);
  });

  it.each([
    ['a name the pruned model lacks', 'model.layers.9.mlp.down_proj.weight', [1], /no tensor model.layers.9/],
    ['the wrong number of values', `${BLOCK}mlp.down_proj.weight`, [1, 2, 3], /has 2 values, but 3 were given/],
  ])('refuses compensated tensors with %s', async (_what, name, values, message) => {
    await expect(
      prune([{ kvGroups: [0], queryHeads: [0, 1], ffnChannels: [0] }], {
        replace: new Map([[name, Float32Array.from(values)]]),
      }),
    ).rejects.toThrow(message);
  });

  it.each([
    ['F16', 65_519.996, 65_520],
    ['F16', -65_519.996, -70_000],
    // Between the largest bfloat16, 2^128 - 2^120, and infinity; float32 has 24 bits of it.
    ['BF16', 2 ** 128 - 2 ** 119 - 2 ** 104, 2 ** 128 - 2 ** 119],
    ['F32', 2 ** 128 - 2 ** 104, Infinity],
    ['F32', -1, NaN],
  ] as const)(
    'says which compensated or trained value %s cannot hold and what to do, and writes the largest that it can',
    async (dtype, held, beyond) => {
      const down = `${BLOCK}mlp.down_proj.weight`;
      const tensors = {
        ...tinyTensors(),
        [down]: { dtype, shape: [2, 3], bytes: new Uint8Array(6 * (dtype === 'F32' ? 4 : 2)) },
      };
      const compensate = (value: number) =>
        prune([{ kvGroups: [0], queryHeads: [0, 1], ffnChannels: [0] }], {
          tensors,
          replace: new Map([[down, Float32Array.of(1, value)]]),
        });
      expect((await compensate(held)).tensors.get(down)?.bytes).toHaveLength(dtype === 'F32' ? 8 : 4);
      await expect(compensate(beyond)).rejects.toMatchObject({
        reason: 'VALUES_OUT_OF_RANGE',
        message: expect.stringMatching(
          `${down}: the compensated or trained value at 1 is .*${dtype}, .*compensation none, more damping .*lower learning rate`,
        ),
        metadata: { tensor: down, dtype, index: '1' },
      });
    },
  );

  it.each([
    ['groups that keep different numbers of heads', [{ kvGroups: [0, 1], queryHeads: [0, 1, 2], ffnChannels: [0] }]],
    ['a channel that does not exist', [{ kvGroups: [0], queryHeads: [0, 1], ffnChannels: [3] }]],
    ['a channel twice', [{ kvGroups: [0], queryHeads: [0, 1], ffnChannels: [1, 1] }]],
    ['heads of a removed group', [{ kvGroups: [0], queryHeads: [0, 1, 2], ffnChannels: [1] }]],
    ['too few layers', []],
  ])('refuses %s', async (_what, kept) => {
    await expect(prune(kept)).rejects.toMatchObject({ reason: 'ARCHITECTURE_INVALID' });
  });
});
