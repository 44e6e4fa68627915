import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { standardise } from '../../../src/core/statistics/standardise.js';
import { askInThread } from '../../support/ask-in-thread.js';

const CORE = resolve(import.meta.dirname, '../../../dist/src/core');

describe('every statistic', () => {
  it('comes to an end for the largest and smallest numbers, infinities, NaN and values that are all alike', async () => {
    const modules = readdirSync(resolve(CORE, 'statistics'))
      .filter((file) => file.endsWith('.js'))
      .map((file) => pathToFileURL(resolve(CORE, 'statistics', file)).href);
    const { asked, failed, stuck } = await askInThread(
      'extreme-statistics.mjs',
      { modules, random: pathToFileURL(resolve(CORE, 'random.js')).href },
      60_000,
    );
    expect(stuck).toBeUndefined();
    expect(failed).toEqual([]);
    expect(asked).toEqual(expect.arrayContaining(['kendallTau', 'spearman', 'sortIntoFronts', 'standardise']));
  });
});

describe('standardise', () => {
  it('has a finite mean and deviation of values whose sums and squares are not', () => {
    // By hand: the mean of 3 and 1 is 2, their deviation 1.
    expect(standardise(Float64Array.of(1.5e308, 0.5e308))).toEqual({
      mean: 1e308,
      scale: 0.5e308,
      values: Float64Array.of(1, -1),
    });
    expect(standardise(Float64Array.of(1.7e308, -1.7e308, 1.7e308, -1.7e308))).toEqual({
      mean: 0,
      scale: 1.7e308,
      values: Float64Array.of(1, -1, 1, -1),
    });
    expect(standardise(Float64Array.of(Number.MAX_VALUE, Number.MAX_VALUE)).mean).toBe(Number.MAX_VALUE);
    expect(standardise(Float64Array.of(3, 1))).toEqual({ mean: 2, scale: 1, values: Float64Array.of(1, -1) });
  });

  it('refuses a value that is not finite', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => standardise(Float64Array.of(1, value))).toThrow(RangeError);
  });
});
