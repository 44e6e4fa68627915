import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { makeFolder, packTensors, TINY_CONFIG, tinyTensors, writeTiny } from './tiny-checkpoint.js';

const CONFIG = JSON.stringify(TINY_CONFIG);

/** A folder of these files, which may be in subfolders. */
async function write(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = await makeFolder();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

describe('a folder that is not a checkpoint', () => {
  it.each([
    [
      "the hub's cache",
      { 'snapshots/0a1b2c/config.json': CONFIG, 'refs/main': '0a1b2c' },
      /is a folder of the hub's cache: name its snapshot, snapshots\/0a1b2c/,
    ],
    [
      'an adapter',
      { 'adapter_config.json': '{}', 'adapter_model.safetensors': '' },
      /it has adapter_config.json: it is an adapter \(LoRA\).*merge_and_unload/,
    ],
    ['an ONNX graph', { 'onnx/model.onnx': '' }, /it has onnx, a graph for ONNX Runtime/],
    ['a GGUF file', { 'tiny.Q4_K_M.gguf': 'GGUF' }, /it has tiny.Q4_K_M.gguf, a GGUF file/],
    [
      "Meta's own form",
      { 'params.json': '{}', 'consolidated.00.pth': '' },
      /it has consolidated.00.pth, weights in Meta's form; convert it: python -m transformers.models.llama.convert/,
    ],
    ['the folder above', { 'model/config.json': CONFIG }, /its folder model has one: name that/],
    [
      'an output in several forms',
      {
        'prunecast.json': '{}',
        'gguf/model.gguf': 'GGUF',
        'hf/config.json': CONFIG,
        'hf/model.safetensors': '',
        'onnx/config.json': CONFIG,
        'onnx/onnx/model.onnx': '',
      },
      /its folder hf is a checkpoint: name that/,
    ],
    ['nothing', {}, /name a Hugging Face checkpoint folder/],
  ])('but %s is reported as what it is', async (_, files, message) => {
    await expect(openCheckpoint(await write(files))).rejects.toMatchObject({
      reason: 'MODEL_NOT_FOUND',
      message: expect.stringMatching(message),
    });
  });

  it('but a file is reported as a file', async () => {
    const folder = await write({ 'tiny.gguf': 'GGUF' });
    await expect(openCheckpoint(join(folder, 'tiny.gguf'))).rejects.toMatchObject({
      reason: 'MODEL_NOT_FOUND',
      message: expect.stringContaining('it is a file: name the folder that contains it'),
    });
  });

  it.each([
    [
      "PyTorch's form",
      { 'pytorch_model-00001-of-00002.bin': '' },
      /it has pytorch_model-00001-of-00002.bin, weights in PyTorch's own form; convert it: python -c .*save_pretrained/,
    ],
    [
      "Mistral's own form",
      { 'consolidated.safetensors': '' },
      /it has consolidated.safetensors, weights in Mistral's own form/,
    ],
    ['an adapter', { 'adapter_model.safetensors': '' }, /it is an adapter/],
    [
      'shards without an index',
      { 'model-00001-of-00002.safetensors': '' },
      /but no model.safetensors.index.json that names it/,
    ],
  ])('but has a config.json beside weights in %s is reported as what it has', async (_, files, message) => {
    await expect(openCheckpoint(await write({ 'config.json': CONFIG, ...files }))).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: expect.stringMatching(message),
    });
  });
});

describe('a file in place of the weights', () => {
  it.each([
    [
      'a Git LFS pointer',
      Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 269060552\n`),
      /model.safetensors: is a Git LFS pointer.*git lfs pull/,
    ],
    ['a GGUF file', Buffer.from('GGUF\x03\0\0\0\0\0\0\0'), /model.safetensors: is a GGUF file/],
    ['a PyTorch file', Buffer.from('PK\x03\x04\0\0\x08\x08\0\0'), /model.safetensors: is a PyTorch file/],
    [
      'an older PyTorch file',
      Buffer.from([0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9]),
      /model.safetensors: is a PyTorch file/,
    ],
    ['a web page', Buffer.from('<!doctype html><title>401'), /model.safetensors: is a web page/],
  ])('is reported as what it is: %s', async (_, bytes, message) => {
    await expect(
      openCheckpoint(await write({ 'config.json': CONFIG, 'model.safetensors': bytes })),
    ).rejects.toMatchObject({ reason: 'MODEL_MALFORMED', message: expect.stringMatching(message) });
  });
});

describe('a config.json as Python writes it', () => {
  it('may have NaN and Infinity in entries that are not read; outputs leave those entries out', async () => {
    const config = CONFIG.replace(
      '{',
      '{"time_limit": [0.0, Infinity], "extra": {"loss": NaN}, "top": -Infinity, "kept": 1, ',
    );
    const { rawConfig, notes, digest, close } = await openCheckpoint(
      await write({ 'config.json': config, 'model.safetensors': packTensors(tinyTensors()) }),
    );
    await close();
    expect(rawConfig).toEqual({ kept: 1, ...TINY_CONFIG });
    expect(notes).toEqual([
      'config.json has NaN or an infinity in time_limit, extra, top: outputs leave these entries out',
    ]);
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is refused, naming the entry, if the entry matters', async () => {
    const config = CONFIG.replace('{', '{"rms_norm_eps": NaN, ');
    await expect(openCheckpoint(await write({ 'config.json': config }))).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: 'config.json: rms_norm_eps is NaN; it must be a number from 1e-30 to 1',
    });
  });

  it('that is quantised is refused, saying how it is quantised and what to do', async () => {
    await expect(
      openCheckpoint(await writeTiny({ config: { quantization_config: { quant_method: 'gptq', bits: 4 } } })),
    ).rejects.toMatchObject({
      reason: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(/has a quantization_config \(gptq\): the weights are quantised.*dequantize\(\)/),
    });
  });
});
