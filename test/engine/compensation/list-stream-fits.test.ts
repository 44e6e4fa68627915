import { describe, expect, it } from 'vitest';
import { listStreamFits } from '../../../src/engine/compensation/list-stream-fits.js';

const FULL = { kvHeads: 4, queryHeadsPerKv: 2, ffnChannels: 10 };
const DENSE = [FULL, FULL, FULL];
/** The second layer loses channels, the third all of its attention. */
const PRUNED = [FULL, { ...FULL, ffnChannels: 5 }, { ...FULL, kvHeads: 0, queryHeadsPerKv: 0 }];

describe('listStreamFits', () => {
  it.each([
    ['pruned', ['1 ffn'], []],
    ['outputs', ['1 ffn', '2 ffn'], []],
    ['all', ['1 ffn', '2 ffn'], ['2 ffn']],
  ] as const)('fits only what can make up for something: %s', (refit, outputs, inputs) => {
    const fits = listStreamFits(DENSE, PRUNED, refit);
    const name = ({ layer, half }: (typeof fits)[number]): string => `${layer} ${half}`;
    expect(fits.filter(({ output }) => output).map(name)).toEqual(outputs);
    expect(fits.filter((fit) => fit.inputs).map(name)).toEqual(inputs);
  });

  it('fits nothing of a model that lost nothing', () => {
    expect(listStreamFits(DENSE, DENSE, 'all').some(({ output, inputs }) => output || inputs)).toBe(false);
  });
});
