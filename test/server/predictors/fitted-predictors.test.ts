import { describe, expect, it } from 'vitest';
import { NO_TELEMETRY } from '../../../src/core/ports/telemetry.js';
import { Predictor } from '../../../src/gen/prunecast/v1/predictor_types.js';
import { BUILTIN_PLUGINS } from '../../../src/plugins/builtin/list.js';
import { PluginRegistry } from '../../../src/server/plugins/plugin-registry.js';
import { createFittedPredictors } from '../../../src/server/predictors/fitted-predictors.js';
import type { FittedRecord, PredictorRecords } from '../../../src/server/records/predictor-records.js';

/** As version 0.1 stored one: no list of backends, and the model's own bytes. */
const OLD: FittedRecord = {
  predictor: Predictor.fromPartial({
    id: 'predictor-old',
    backend: 'ridge',
    metrics: ['perplexity'],
    dimensions: ['a'],
    minRates: [0],
    maxRates: [1],
  }),
  model: new TextEncoder().encode(
    JSON.stringify({ features: 'rates', intercept: 2, weights: [3], means: [0.5], scales: [0.25] }),
  ),
};

describe('open', () => {
  it('loads a predictor that an earlier version stored', async () => {
    const residuals = Float64Array.of(0.1, -0.2);
    const records = {
      get: () => Promise.resolve(OLD),
      evidence: () =>
        Promise.resolve({
          rates: new Float32Array(2),
          targets: new Float64Array(2),
          importances: new Float64Array(1),
          residuals,
        }),
    } as unknown as PredictorRecords;
    const plugins = new PluginRegistry(BUILTIN_PLUGINS);
    const predictors = createFittedPredictors({
      store: { keep: () => Promise.reject(new Error('nothing is stored')) },
      records,
      plugins,
      clock: { now: () => 0 },
      readFiles: () => Promise.resolve(undefined),
      telemetry: NO_TELEMETRY,
    });
    const { fitted, metrics } = await predictors.open('predictor-old');
    expect([...(await fitted.predict({ rates: Float32Array.of(0.75), columns: 1 })).mean]).toEqual([5]); // 2 + 3 (0.75 - 0.5) / 0.25
    expect(metrics).toMatchObject([{ metric: 'perplexity', residuals }]);
  });
});
