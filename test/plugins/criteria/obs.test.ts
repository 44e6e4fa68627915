import { describe, expect, it } from 'vitest';
import type { Compensation } from '../../../src/core/ports/compensation.js';
import type { Criterion } from '../../../src/core/ports/criterion.js';
import { rankUnits } from '../../../src/engine/ranking/rank-units.js';
import leastSquares from '../../../src/plugins/compensations/least-squares.js';
import obs from '../../../src/plugins/criteria/obs.js';
import { calibrationSequences } from '../../support/criteria-reference.js';
import { DEMO_DIRECTORY, unattended, withModel } from '../../support/demo-model.js';

describe('obs', () => {
  it('scores each unit by the error that least squares leave at the width at which the unit has gone', async () => {
    await withModel(DEMO_DIRECTORY, async (model) => {
      const calibration = await model.calibrate(calibrationSequences.slice(0, 8), ['gram'], unattended);
      const scores = await model.scoreUnits({
        criterion: obs as Criterion,
        options: { damping: 0.02, scope: 'layer' },
        moduleUrl: new URL('../../../src/plugins/criteria/obs.js', import.meta.url),
        seed: 0,
        work: unattended,
        calibration,
      });
      const errors = await model.calibrationErrors(
        {
          ranking: rankUnits(scores, model.shape.layers),
          compensation: {
            plugin: leastSquares as Compensation,
            options: { damping: 0.02, fit: 'one-shot' },
            moduleUrl: new URL('../../../src/plugins/compensations/least-squares.js', import.meta.url),
            calibration,
          },
        },
        unattended,
      );
      expect(scores).toHaveLength(model.shape.layers.length);
      for (const [layer, { ffnChannels, kvGroups }] of scores.entries()) {
        requireClose(ffnChannels, errors[layer]?.ffn);
        requireClose(kvGroups, errors[layer]?.attention);
      }
    });
  });
});

/** The unit at place k of the ranking leaves k units when it goes. */
function requireClose(scores: Float32Array, errors: Float64Array = new Float64Array()): void {
  expect(errors).toHaveLength(scores.length + 1);
  scores.toSorted((a, b) => b - a).forEach((score, kept) => expect(score / (errors[kept] ?? NaN)).toBeCloseTo(1, 3));
}
