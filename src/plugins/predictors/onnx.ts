import { z } from 'zod';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { PairTable } from '../../core/pairs.js';
import { definePredictor } from '../define.js';
import { openRegressor, type RegressorForm } from './onnx/open-regressor.js';

const options = z.strictObject({
  path: z.string().min(1).describe('The regressor, relative to a data or model root.'),
  unit: z
    .enum(['metric', 'log'])
    .default('metric')
    .describe("Unit of its answers: the metric's own, or its natural logarithm."),
  output: z.string().default('').describe('Name of the output of the graph; empty for its only one.'),
});

/**
 * The user's own regressor as an ONNX file: trees or a network from scikit-learn, LightGBM or XGBoost. It has one
 * input, float32 [N, dimensions], and one output, float32 [N], [N, 1], or [N, metrics] in the order of the metrics of
 * the fit.
 *
 * It is not fitted here. If the caller names pairs that it has not seen, they show how good it is and how wide its
 * intervals are. Rows are run in batches of one size, so that an answer does not depend on the other rows. It is saved
 * with the file's bytes.
 */
export default definePredictor({
  id: 'onnx',
  summary:
    "The user's own regressor as an ONNX file; it is never fitted, and only measured on pairs that it has not seen.",
  options,
  runsIn: 'process',
  learns: 'elsewhere',
  pairs: { least: 2, most: 100_000 },
  files: ({ path }) => ({ path }),
  fit: async (pairs, { unit, output }, _seed, files) => {
    const bytes = files?.['path'];
    if (bytes === undefined) throw new PrunecastError('PREDICTOR_FAILED', 'onnx was given no file');
    return openRegressor(bytes, describeForm(pairs, unit, output));
  },
  load: (saved) => {
    const headerEnd = 4 + new DataView(saved.buffer, saved.byteOffset).getUint32(0, true);
    return openRegressor(
      saved.slice(headerEnd),
      JSON.parse(new TextDecoder().decode(saved.subarray(4, headerEnd))) as RegressorForm,
    );
  },
});

function describeForm({ dimensions, metric }: PairTable, unit: 'metric' | 'log', output: string): RegressorForm {
  const { scale = 'linear', index = 0, of = 1 } = metric ?? {};
  const conversion = unit === 'metric' ? (scale === 'log' ? 'log' : 'none') : scale === 'log' ? 'none' : 'exp';
  return { dimensions: dimensions.length, output, metric: index, metrics: of, conversion };
}
