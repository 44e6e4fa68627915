import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { rankKeptFirst } from '../../../src/core/model/units.js';
import type { Compensation } from '../../../src/core/ports/compensation.js';
import leastSquares from '../../../src/plugins/compensations/least-squares.js';
import mean from '../../../src/plugins/compensations/mean.js';
import {
  architectureOfReference,
  calibrationSequences,
  evaluationWindows,
  keptUnitsOf,
  type PrunedReference,
} from '../../support/criteria-reference.js';
import { DEMO_DIRECTORY, unattended, withModel } from '../../support/demo-model.js';
import { hasShared, sharedPath, skipReason } from '../../support/shared.js';

interface Compensated extends PrunedReference {
  readonly perplexity_with_mean_compensation: number;
  readonly perplexity_with_least_squares: number;
  readonly perplexity_with_sequential_least_squares: number;
}

const CASES = [
  { plugin: mean as Compensation, options: {}, file: 'mean', field: 'perplexity_with_mean_compensation' },
  {
    plugin: leastSquares as Compensation,
    options: { damping: 0.01 },
    file: 'least-squares',
    field: 'perplexity_with_least_squares',
  },
  {
    plugin: leastSquares as Compensation,
    options: { damping: 0.01, fit: 'stream', refit: 'pruned' },
    file: 'least-squares',
    field: 'perplexity_with_sequential_least_squares',
  },
] as const satisfies readonly { plugin: Compensation; options: unknown; file: string; field: keyof Compensated }[];

describe.skipIf(!hasShared)(`perplexities of compensated models (${skipReason})`, () => {
  it.each(CASES)('are those of PyTorch as $field', async ({ plugin, options, file, field }) => {
    const { pruned } = JSON.parse(readFileSync(sharedPath('reference/criteria.json'), 'utf8')) as {
      pruned: readonly Compensated[];
    };
    await withModel(DEMO_DIRECTORY, async (model) => {
      const calibration = await model.calibrate(calibrationSequences, [...plugin.needs], unattended);
      for (const reference of pruned) {
        const subject = model.subject({
          ranking: rankKeptFirst(keptUnitsOf(reference), model.shape.layers),
          compensation: {
            plugin,
            options,
            calibration,
            moduleUrl: new URL(`../../../src/plugins/compensations/${file}.js`, import.meta.url),
          },
        });
        let loss = Number.NaN;
        for await (const { losses } of subject.observe(
          [architectureOfReference(reference)],
          { sequences: evaluationWindows },
          unattended,
        ))
          loss = losses.reduce((sum, value) => sum + value, 0);
        const perplexity = Math.exp(loss / (32 * 127));
        expect(
          Math.abs(perplexity / reference[field] - 1),
          `${reference.name} ranked by ${reference.criterion}: ${perplexity}`,
        ).toBeLessThan(1e-3);
      }
    });
  });
});
