import { describe, expect, it, onTestFinished } from 'vitest';
import type { Checkpoint } from '../../../src/engine/checkpoint/checkpoint.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { pruneModel } from '../../../src/engine/surgery/prune-model.js';
import { countUp, tinyTensors, writeTiny, type TinyTensor } from './tiny-checkpoint.js';

const EMBEDDING = 'model.embed_tokens.weight';
const HEAD = 'lm_head.weight';
const DOWN = 'model.layers.0.mlp.down_proj.weight';

async function open(changes: Parameters<typeof writeTiny>[0]): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(await writeTiny(changes));
  onTestFinished(() => checkpoint.close());
  return checkpoint;
}

/** The tiny model's tensors under other names, without those for which `rename` returns undefined. */
function renamed(
  rename: (name: string) => string | undefined,
  more: Readonly<Record<string, TinyTensor>> = {},
): Record<string, TinyTensor | undefined> {
  const tensors = { ...tinyTensors(), ...more };
  return {
    ...Object.fromEntries(Object.keys(tensors).map((name) => [name, undefined])),
    ...Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [rename(name) ?? '', tensor])),
  };
}

/** One value, zero. */
function zeros(dtype: string, bytes: number): TinyTensor {
  return { dtype, shape: [1], bytes: new Uint8Array(bytes) };
}

describe('the names of a checkpoint', () => {
  it.each(['module.', '_orig_mod.', 'base_model.model.', 'module._orig_mod.', 'model.', 'policy.actor.'])(
    'that all begin with the prefix "%s" of a wrapper are those without it',
    async (wrapper) => {
      const checkpoint = await open({ tensors: renamed((name) => wrapper + name) });
      expect(new Set(checkpoint.tensors.keys())).toEqual(new Set(Object.keys(tinyTensors())));
      expect([...(await checkpoint.readTensor(DOWN))]).toEqual([7000, 7001, 7002, 7100, 7101, 7102]);
      expect(checkpoint.notes).toEqual([
        `the names of all tensors begin with "${wrapper}": outputs have the standard names`,
      ]);
    },
  );

  it('are the standard ones in outputs', async () => {
    const checkpoint = await open({ tensors: renamed((name) => `module.${name.replace(/^model\./, '')}`) });
    const { tensors } = pruneModel({
      checkpoint,
      keptUnits: [{ kvGroups: [0], queryHeads: [0, 1], ffnChannels: [2] }],
    });
    expect(tensors.map(({ name }) => name).toSorted()).toEqual(Object.keys(tinyTensors()).toSorted());
    const down = await tensors.find(({ name }) => name === DOWN)?.read();
    expect(down).toEqual(new Uint8Array(Float32Array.of(7002, 7102).buffer));
  });

  it('that lack their "model.", or have a wrapper\'s prefix in its place, are those with it', async () => {
    for (const wrapper of ['', 'module.']) {
      const checkpoint = await open({ tensors: renamed((name) => wrapper + name.replace(/^model\./, '')) });
      expect(new Set(checkpoint.tensors.keys())).toEqual(new Set(Object.keys(tinyTensors())));
      expect(checkpoint.notes).toEqual([expect.stringContaining('lack their "model."')]);
    }
  });

  it.each([
    [
      'a prefix in one file of two',
      (name: string) => (name.includes('mlp') ? name : `module.${name}`),
      /embed_tokens.weight: .* there is "module.model.embed_tokens.weight", which has the prefix "module.": a prefix is understood only if all names have it; save the model inside/,
    ],
    [
      'those of another architecture',
      (name: string) => name.replace('model.', 'transformer.').replace('embed_tokens', 'wte').replace('norm', 'ln'),
      /embed_tokens.weight: .* and none has a name like it \(the first is "transformer.wte.weight"\)/,
    ],
  ])('with %s are refused, saying what was found', async (_, rename, message) => {
    await expect(open({ tensors: renamed(rename) })).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: expect.stringMatching(message),
    });
  });

  it('that mean the same tensor twice are refused', async () => {
    await expect(
      open({ tensors: { ...renamed((name) => name.replace(/^model\./, '')), [EMBEDDING]: countUp([3, 2]) } }),
    ).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: expect.stringMatching(/means the same weights as "(model.)?embed_tokens.weight"/),
    });
  });
});

describe('tied embeddings', () => {
  it('that are stored only as the head are read from there', async () => {
    const checkpoint = await open({ tensors: { [EMBEDDING]: undefined, [HEAD]: countUp([3, 2], 40) } });
    expect([...checkpoint.tensors.keys()]).not.toContain(HEAD);
    expect([...(await checkpoint.readTensor(EMBEDDING))]).toEqual([40, 41, 140, 141, 240, 241]);
    expect(checkpoint.notes).toEqual([expect.stringContaining('stored as lm_head.weight')]);
  });

  it('beside an equal head are read once, whatever dtype the head has', async () => {
    const halves = new Uint8Array(Uint16Array.of(0, 0x3c00, 0x5640, 0x5650, 0x5a40, 0x5a48).buffer); // 0, 1, 100, 101, 200, 201 in F16
    for (const head of [countUp([3, 2]), { dtype: 'F16', shape: [3, 2], bytes: halves }]) {
      const checkpoint = await open({ tensors: { [HEAD]: head } });
      expect([...checkpoint.tensors.keys()]).not.toContain(HEAD);
      expect(checkpoint.notes).toEqual([expect.stringContaining('lm_head.weight is stored beside the embeddings')]);
    }
  });

  it('beside another head are refused, because it is unknown which of the two predicts', async () => {
    const head = countUp([3, 2]);
    new Float32Array(head.bytes.buffer)[3] = 100;
    await expect(open({ tensors: { [HEAD]: head } })).rejects.toMatchObject({
      reason: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(
        /lm_head.weight: differs from model.embed_tokens.weight, first at \[1, 1\].*Set tie_word_embeddings to false to keep the head, or delete lm_head.weight/,
      ),
      metadata: { file: 'model.safetensors', tensor: HEAD, feature: 'tie_word_embeddings' },
    });
    await expect(open({ tensors: { [HEAD]: countUp([2, 2]) } })).rejects.toMatchObject({
      message: expect.stringContaining('lm_head.weight: has shape [2,2]; config.json requires [3,2]'),
    });
  });
});

describe("a checkpoint's tensors", () => {
  it('that are not weights are ignored, with one note', async () => {
    const { tensors, notes } = await open({
      tensors: {
        'model.layers.0.self_attn.rotary_emb.inv_freq': zeros('F64', 8),
        'model.rotary_emb.cos_cached': zeros('F32', 4),
        'model.layers.0.self_attn.bias': zeros('BOOL', 1),
        'model.layers.0.attn.masked_bias': zeros('F16', 2),
        'model.position_ids': zeros('I64', 8),
        'model.causal_flags': zeros('BOOL', 1),
      },
    });
    expect(new Set(tensors.keys())).toEqual(new Set(Object.keys(tinyTensors())));
    expect(notes).toEqual([
      'ignored, because they are not weights of this model: model.layers.0.self_attn.rotary_emb.inv_freq, model.rotary_emb.cos_cached, model.layers.0.self_attn.bias, model.layers.0.attn.masked_bias and 2 more',
    ]);
  });

  it.each([
    [
      'a LoRA adapter',
      { 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight': countUp([4, 2]) },
      'MODEL_UNSUPPORTED',
      /lora_A.default.weight: is part of a LoRA adapter.*merge_and_unload/,
    ],
    [
      'GPTQ',
      { [DOWN]: undefined, 'model.layers.0.mlp.down_proj.qweight': { ...countUp([1, 2]), dtype: 'I32' } },
      'MODEL_UNSUPPORTED',
      /down_proj.qweight: belongs to quantised weights.*dequantize/,
    ],
    [
      'fp8',
      { [DOWN]: { dtype: 'F8_E4M3', shape: [2, 3], bytes: new Uint8Array(6) } },
      'MODEL_UNSUPPORTED',
      /down_proj.weight: has dtype F8_E4M3, so its weights are quantised/,
    ],
    [
      'float64',
      { [DOWN]: { dtype: 'F64', shape: [2, 3], bytes: new Uint8Array(48) } },
      'MODEL_UNSUPPORTED',
      /down_proj.weight: has dtype "F64"; those read are F32, F16, BF16: convert it: python -c/,
    ],
    [
      'a ZeRO-3 save',
      { [DOWN]: { dtype: 'BF16', shape: [0], bytes: new Uint8Array() } },
      'MODEL_MALFORMED',
      /down_proj.weight: has shape \[0\]: it is empty, as DeepSpeed's ZeRO-3 leaves.*zero_to_fp32.py/,
    ],
  ])('that come from %s are refused, saying what they are and what to do', async (_, tensors, reason, message) => {
    await expect(open({ tensors })).rejects.toMatchObject({ reason, message: expect.stringMatching(message) });
  });

  it('of a model without a head are refused, saying that it has none', async () => {
    await expect(open({ config: { tie_word_embeddings: false } })).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: expect.stringMatching(/lm_head.weight: is required.*set tie_word_embeddings to true/),
    });
  });
});
