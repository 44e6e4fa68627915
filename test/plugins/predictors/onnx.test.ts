import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PairTable, TargetMetric } from '../../../src/core/pairs.js';
import type { Predictor } from '../../../src/core/ports/predictor.js';
import onnx from '../../../src/plugins/predictors/onnx.js';
import {
  describeModule,
  fitHosted,
  loadHosted,
  type HostedPredictor,
} from '../../../src/server/predictors/predictor-host.js';
import { makeDoubles, makeExternal, makeNetwork, makeStump } from '../../support/regressors.js';

/** A Python with scikit-learn and skl2onnx; any other is a reason to skip. */
const PYTHON = process.env['PRUNECAST_ONNX_PYTHON'] ?? process.env['PRUNECAST_PYTHON'] ?? 'python3';
const hasSklearn = spawnSync(PYTHON, ['-c', 'import sklearn, skl2onnx']).status === 0;

const moduleUrl = new URL('../../../src/plugins/predictors/onnx.js', import.meta.url);
const PERPLEXITY: TargetMetric = { name: 'perplexity', scale: 'log', better: 'lower', index: 0, of: 1 };
const ROWS = Float32Array.of(0.1, 0.2, 0.5, 0.4, 0.3, 0.3);
const batch = { rates: ROWS, columns: 2 };

/** Fits and saves in a thread, as a server does. */
function open(
  bytes: Uint8Array,
  {
    metric,
    columns = 2,
    ...options
  }: {
    readonly metric?: TargetMetric;
    readonly columns?: number;
    readonly unit?: 'metric' | 'log';
    readonly output?: string;
  } = {},
): Promise<HostedPredictor> {
  const pairs: PairTable = {
    dimensions: Array.from({ length: columns }, (_, column) => `d${column}`),
    rates: new Float32Array(2 * columns),
    targets: Float64Array.of(0, 1),
    ...(metric === undefined ? {} : { metric }),
  };
  return fitHosted(
    describeModule(onnx as Predictor, {
      moduleUrl,
      options: onnx.options.parse({ path: 'regressor.onnx', ...options }),
      files: { path: bytes },
    }),
    pairs,
    0,
  );
}

async function answersOf(fitted: HostedPredictor, asked = batch): Promise<number[]> {
  try {
    return [...(await fitted.predict(asked)).mean];
  } finally {
    await fitted.close();
  }
}

describe('onnx', () => {
  const stump = makeStump({ columns: 2, column: 1, threshold: 0.3, below: [8], above: [20] });
  const network = makeNetwork({ columns: 2, hidden: 2, weights: [1, -1, 2, 0.5], heads: [3, 4] });

  it('answers as a tree ensemble says, on the scale of the fit', async () => {
    expect(await answersOf(await open(stump))).toEqual([8, 20, 8]); // 0.3 in float32 is at most the threshold 0.3
    expect(await answersOf(await open(stump, { metric: PERPLEXITY }))).toEqual([
      Math.log(8),
      Math.log(20),
      Math.log(8),
    ]);
    expect(await answersOf(await open(stump, { metric: PERPLEXITY, unit: 'log' }))).toEqual([8, 20, 8]);
    expect(await answersOf(await open(stump, { unit: 'log' }))).toEqual([Math.exp(8), Math.exp(20), Math.exp(8)]);
  });

  it('answers as a network says, row by row', async () => {
    // relu([a + 2 b, b / 2 - a]) . [3, 4] by hand
    const byHand = [
      [0.1, 0.2],
      [0.5, 0.4],
      [0.3, 0.3],
    ].map(([a = 0, b = 0]) => 3 * (a + 2 * b) + 4 * Math.max(0, b / 2 - a));
    expect(await answersOf(await open(network))).toEqual(byHand.map((value) => expect.closeTo(value, 5)));
  });

  it('takes the column of its metric where the file answers several', async () => {
    const several = makeStump({ columns: 2, column: 0, threshold: 0.2, below: [1, 10], above: [2, 20] });
    const accuracy: TargetMetric = { name: 'accuracy', scale: 'linear', better: 'higher', index: 1, of: 2 };
    expect(await answersOf(await open(several, { metric: accuracy }))).toEqual([10, 20, 20]);
  });

  it('gives the same bits after save and load, alone or among others', async () => {
    const wide = makeNetwork({
      columns: 3,
      hidden: 40,
      weights: Array.from({ length: 120 }, (_, index) => Math.sin(index + 1)),
      heads: Array.from({ length: 40 }, (_, index) => Math.cos(index)),
    });
    const many = {
      rates: Float32Array.from({ length: 150 * 3 }, (_, index) => ((index * 37) % 101) / 101),
      columns: 3,
    };
    const fitted = await open(wide, { columns: 3 });
    const loaded = await loadHosted(
      describeModule(onnx as Predictor, { moduleUrl, options: undefined }),
      fitted.save(),
    );
    const together = [...(await fitted.predict(many)).mean];
    const alone = await fitted.predict({ rates: many.rates.slice(3 * 77, 3 * 78), columns: 3 });
    expect(alone.mean[0]).toBe(together[77]);
    expect(await answersOf(loaded, many)).toEqual(together);
    expect((await fitted.predict({ rates: new Float32Array(0), columns: 3 })).mean).toHaveLength(0);
    await fitted.close();
  });

  it.each([
    ['no model at all', Uint8Array.of(1, 2, 3), {}, 'is not a model that ONNX Runtime loads'],
    [
      'weights that lie in another file',
      makeExternal(2),
      {},
      'keeps tensors in a file of their own: save it with all of them inside',
    ],
    [
      'other columns',
      makeStump({ columns: 7, column: 0, threshold: 0.1, below: [1], above: [2] }),
      {},
      'takes 7 columns in "X"; the pairs have 2',
    ],
    ['float64', makeDoubles(2), {}, 'has an input "x" of float64; float32 is needed'],
    [
      'another number of metrics',
      makeStump({ columns: 2, column: 0, threshold: 0.1, below: [1, 1, 1], above: [2, 2, 2] }),
      {},
      'answers 3 values a row in "variable"; the fit has 1 metric',
    ],
    ['no such output', stump, { output: 'label' }, 'has no output "label"; it has variable'],
  ])('refuses a file of %s, and says what it has', async (_, bytes, options, message) => {
    await expect(open(bytes, options)).rejects.toMatchObject({
      reason: 'REGRESSOR_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it('says so where the answers are no values of the metric', async () => {
    const negative = makeStump({ columns: 2, column: 1, threshold: 0.3, below: [-1], above: [20] });
    await expect(answersOf(await open(negative, { metric: PERPLEXITY }))).rejects.toMatchObject({
      reason: 'PREDICTOR_FAILED',
      message: expect.stringContaining('check the option unit'),
    });
  });
});

describe.skipIf(!hasSklearn)(
  `onnx with regressors of scikit-learn (needs scikit-learn and skl2onnx in PRUNECAST_ONNX_PYTHON, ${PYTHON})`,
  () => {
    let folder: string;
    let expected: Readonly<Record<string, readonly number[]>>;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'prunecast-onnx-'));
      const script = `
import sys, json, numpy as np
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.neural_network import MLPRegressor
from skl2onnx import to_onnx
rng = np.random.RandomState(0)
X = rng.rand(120, 2).astype(np.float32) / 2
y = 5 + 10 * X[:, 0] ** 2 + X[:, 1]
rows = np.array([[0.1, 0.2], [0.5, 0.4], [0.3, 0.3]], dtype=np.float32)
answers = {}
for name, model in dict(boosting=GradientBoostingRegressor(random_state=0), forest=RandomForestRegressor(20, random_state=0), network=MLPRegressor(hidden_layer_sizes=(8,), max_iter=300, random_state=0)).items():
    model.fit(X, y)
    open(f'{sys.argv[1]}/{name}.onnx', 'wb').write(to_onnx(model, X[:1]).SerializeToString())
    answers[name] = model.predict(rows).tolist()
print(json.dumps(answers))`;
      expected = JSON.parse(
        execFileSync(PYTHON, ['-W', 'ignore', '-c', script, folder], { encoding: 'utf8' }),
      ) as typeof expected;
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    it.each(['boosting', 'forest', 'network'])('answers as the library does: %s', async (name) => {
      const answers = await answersOf(await open(readFileSync(join(folder, `${name}.onnx`))));
      expect(answers).toEqual((expected[name] ?? []).map((value) => expect.closeTo(value, 4)));
    });
  },
);
