import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mostShare } from '../../../src/core/compare-logits.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { pruneModel } from '../../../src/engine/surgery/prune-model.js';
import hf from '../../../src/plugins/exporters/hf.js';
import onnx from '../../../src/plugins/exporters/onnx.js';
import { makeFolder } from '../../engine/checkpoint/tiny-checkpoint.js';
import { DEMO_DIRECTORY, unattended, withModel } from '../../support/demo-model.js';
import { keepLast, range } from '../../support/keep-last.js';
import { proves } from '../../support/proves.js';

const PYTHON = process.env['PRUNECAST_PYTHON'] ?? 'python3';
const hasOnnxRuntime = spawnSync(PYTHON, ['-c', 'import numpy, onnxruntime']).status === 0;

const KEPT = [keepLast(2, 96), keepLast(0, 128), keepLast(3, 0), keepLast(1, 64), keepLast(4, 160)];
const TOKENS = range(0, 24).map((place) => (7 * place * place + 3) % 509);

describe.skipIf(!hasOnnxRuntime)('an ONNX graph (needs a Python with onnxruntime)', () => {
  it('has the logits of the engine in Python, at once and token by token', async () => {
    const folder = await makeFolder();
    const [float32, int8, checkpoint, expected] = ['float32', 'int8', 'hf', 'expected.json'].map((name) =>
      join(folder, name),
    ) as [string, string, string, string];
    for (const directory of [float32, int8, checkpoint]) await mkdir(directory);
    const opened = await openCheckpoint(DEMO_DIRECTORY);
    try {
      const model = pruneModel({ checkpoint: opened, keptUnits: KEPT });
      await onnx.write(model, float32, unattended, onnx.options.parse({}));
      await onnx.write(model, int8, unattended, onnx.options.parse({ dtype: 'int8' }));
      await hf.write(model, checkpoint, unattended, hf.options.parse({}));
    } finally {
      await opened.close();
    }
    const logits = await withModel(checkpoint, (model) => model.logits(Int32Array.from(TOKENS)));
    const rows = TOKENS.map((_, row) => [...logits.subarray(512 * row, 512 * (row + 1))]);
    await writeFile(expected, JSON.stringify({ tokens: TOKENS, logits: rows }));
    const script = join(import.meta.dirname, 'check_graph.py');
    const graphs = [join(float32, 'onnx/model.onnx'), join(int8, 'onnx/model_quantized.onnx')];
    const output = execFileSync(PYTHON, [script, expected, ...graphs], {
      encoding: 'utf8',
      env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' },
    });
    const [exact, quantised] = JSON.parse(output) as Record<'whole' | 'stepwise', { most: number; share: number }>[];
    expect(exact?.whole.most).toBeLessThan(1e-3);
    expect(exact?.stepwise.most).toBeLessThan(1e-3);
    expect(quantised?.whole.share).toBeLessThan(mostShare(1 / 254));
    expect(quantised?.stepwise.share).toBeLessThan(mostShare(1 / 254));
    proves({
      exporter: 'onnx',
      runtime: 'ONNX Runtime in Python',
      types: ['float32', 'int8'],
      layers: ['FFN widths that differ', 'heads that differ', 'dropped halves'],
      families: ['llama'],
    });
  });
});
