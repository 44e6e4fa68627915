import { describe, expect, it } from 'vitest';
import { rankOnStream, type StreamWeights } from '../../bench/recipes/rank-on-stream.js';
import type { Criterion } from '../../src/core/ports/criterion.js';
import { rankUnits } from '../../src/engine/ranking/rank-units.js';
import obs from '../../src/plugins/criteria/obs.js';
import { calibrationSequences } from '../support/criteria-reference.js';
import { DEMO_DIRECTORY, unattended, withModel } from '../support/demo-model.js';

const sequences = calibrationSequences.slice(0, 8);

/** What stays if half of the channels go. */
function keepHalf(order: readonly number[] = []): number[] {
  return order.slice(0, order.length / 2).toSorted((a, b) => a - b);
}

describe('rankOnStream', () => {
  it.each<StreamWeights>(['own', 'fitted'])(
    'ranks the first pruned half as obs does by %s weights, since nothing before it has changed',
    async (weights) => {
      await withModel(DEMO_DIRECTORY, async (model) => {
        const { layers } = model.shape;
        const scores = await model.scoreUnits({
          criterion: obs as Criterion,
          options: obs.options.parse({}),
          moduleUrl: new URL('../../src/plugins/criteria/obs.js', import.meta.url),
          seed: 0,
          work: unattended,
          calibration: await model.calibrate(sequences, ['gram'], unattended),
        });
        const architecture = layers.map((own) => ({ ...own, ffnChannels: own.ffnChannels / 2 }));
        const asked = { architecture, sequences, weights, threads: 1, memoryBudgetBytes: 1e9 };
        const found = await rankOnStream(model.checkpoint, asked);
        const expected = rankUnits(scores, layers);
        expect(keepHalf(found[0]?.ffnChannels)).toEqual(keepHalf(expected[0]?.ffnChannels));
        expect(keepHalf(found[1]?.ffnChannels)).not.toEqual(keepHalf(expected[1]?.ffnChannels));
        expect(found.map(({ kvGroups }) => kvGroups)).toEqual(
          layers.map(({ kvHeads }) => Array.from(Array(kvHeads).keys())),
        );
      });
    },
  );
});
