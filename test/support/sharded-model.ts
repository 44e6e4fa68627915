import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packTensors, type TinyTensor } from '../engine/checkpoint/tiny-checkpoint.js';
import { DEMO_DIRECTORY } from './demo-model.js';

export const FIRST_SHARD = 'model-00001-of-00002.safetensors';
export const SECOND_SHARD = 'model-00002-of-00002.safetensors';

/** The tensors of the demo model. */
export async function readDemoTensors(): Promise<Record<string, TinyTensor>> {
  const bytes = await readFile(join(DEMO_DIRECTORY, 'model.safetensors'));
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__: _, ...header } = JSON.parse(bytes.toString('utf8', 8, start)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  return Object.fromEntries(
    Object.entries(header).map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => [name, { dtype, shape, bytes: Uint8Array.from(bytes.subarray(start + from, start + to)) }],
    ),
  );
}

/** The second shard's bytes: the last norm, times `scale`, and the layers from the third on. */
export async function packSecondShard(scale: number): Promise<Uint8Array> {
  const tensors = Object.entries(await readDemoTensors()).filter(([name]) => isSecond(name));
  return packTensors(
    Object.fromEntries(
      tensors.map(([name, tensor]) => [
        name,
        name === 'model.norm.weight'
          ? {
              ...tensor,
              bytes: new Uint8Array(new Float32Array(tensor.bytes.buffer).map((value) => value * scale).buffer),
            }
          : tensor,
      ]),
    ),
  );
}

/** Writes the demo model in two shards with an index, the last norm times `scale`. */
export async function writeShardedDemo(folder: string, scale: number): Promise<void> {
  const tensors = await readDemoTensors();
  const first = Object.fromEntries(Object.entries(tensors).filter(([name]) => !isSecond(name)));
  await mkdir(folder, { recursive: true });
  for (const file of ['config.json', 'tokenizer.json']) await copyFile(join(DEMO_DIRECTORY, file), join(folder, file));
  await writeFile(join(folder, FIRST_SHARD), packTensors(first));
  await writeFile(join(folder, SECOND_SHARD), await packSecondShard(scale));
  const map = Object.fromEntries(
    Object.keys(tensors).map((name) => [name, isSecond(name) ? SECOND_SHARD : FIRST_SHARD]),
  );
  await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
}

function isSecond(name: string): boolean {
  return name === 'model.norm.weight' || /layers\.[34]\./.test(name);
}
