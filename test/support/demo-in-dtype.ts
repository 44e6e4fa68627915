import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openCheckpoint } from '../../src/engine/checkpoint/open-checkpoint.js';
import type { TensorDtype } from '../../src/engine/checkpoint/checkpoint.js';
import { encodeValues } from '../../src/engine/checkpoint/dtype.js';
import { packTensors, type TinyTensor } from '../engine/checkpoint/tiny-checkpoint.js';
import { DEMO_DIRECTORY } from './demo-model.js';

/** Writes a copy of the demo model with weights of this dtype into a folder. */
export async function writeDemoIn(dtype: TensorDtype, folder: string): Promise<void> {
  await cp(DEMO_DIRECTORY, folder, { recursive: true });
  const checkpoint = await openCheckpoint(DEMO_DIRECTORY);
  const tensors: Record<string, TinyTensor> = {};
  for (const [name, { shape }] of checkpoint.tensors)
    tensors[name] = { dtype, shape, bytes: encodeValues(await checkpoint.readTensor(name), dtype) };
  await checkpoint.close();
  await writeFile(join(folder, 'model.safetensors'), packTensors(tensors));
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as object;
  const names = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, torch_dtype: names[dtype] }));
}
