import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
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
    const [exported, checkpoint, expected] = ['onnx', 'hf', 'expected.json'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await mkdir(exported);
    await mkdir(checkpoint);
    const opened = await openCheckpoint(DEMO_DIRECTORY);
    try {
      const model = pruneModel({ checkpoint: opened, keptUnits: KEPT });
      await onnx.write(model, exported, unattended, onnx.options.parse({}));
      await hf.write(model, checkpoint, unattended, hf.options.parse({}));
    } finally {
      await opened.close();
    }
    const logits = await withModel(checkpoint, (model) => model.logits(Int32Array.from(TOKENS)));
    const rows = TOKENS.map((_, row) => [...logits.subarray(512 * row, 512 * (row + 1))]);
    await writeFile(expected, JSON.stringify({ tokens: TOKENS, logits: rows }));
    const script = join(import.meta.dirname, 'check_graph.py');
    const output = execFileSync(PYTHON, [script, join(exported, 'onnx/model.onnx'), expected], {
      encoding: 'utf8',
      env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' },
    });
    const { whole, stepwise } = JSON.parse(output) as Record<'whole' | 'stepwise', number>;
    expect(whole).toBeLessThan(1e-3);
    expect(stepwise).toBeLessThan(1e-3);
    proves({
      exporter: 'onnx',
      runtime: 'ONNX Runtime in Python',
      types: ['float32'],
      layers: ['FFN widths that differ', 'heads that differ', 'dropped halves'],
      families: ['llama'],
    });
  });
});
