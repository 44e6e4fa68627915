import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { didYouMean, findNearest } from '../../../src/core/errors/nearest.js';

const PREDICTORS = ['auto', 'ensemble', 'gaussian-process', 'onnx', 'random-forest', 'ridge', 'xgboost'];

describe('findNearest', () => {
  it.each([
    ['a letter left out', 'ridg', 'ridge'],
    ['a letter too many', 'xgboosst', 'xgboost'],
    ['a wrong letter', 'onnz', 'onnx'],
    ['two letters swapped', 'rigde', 'ridge'],
    ['capitals and underscores', 'Random_Forest', 'random-forest'],
    ['a beginning that only one name has', 'gau', 'gaussian-process'],
  ])('finds a name that was written with %s', (_, written, meant) => {
    expect(findNearest(written, PREDICTORS)).toBe(meant);
  });

  it('takes the nearest of several', () => {
    expect(findNearest('perplexitis', ['complexity', 'perplexity'])).toBe('perplexity');
  });

  it('proposes nothing that has little in common, and nothing for nothing', () => {
    for (const far of ['lightgbm', 'x', 'ab', '', 'q'.repeat(100_000)])
      expect(findNearest(far, PREDICTORS)).toBeUndefined();
    expect(didYouMean('lightgbm', PREDICTORS)).toBe('');
    expect(findNearest('ridge', [])).toBeUndefined();
  });

  it('finds any name of seven letters or more after one edit anywhere', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z]{7,20}$/),
        fc.nat(),
        fc.constantFrom('drop', 'add', 'change'),
        (name, at, edit) => {
          const place = at % name.length;
          const middle = { drop: '', add: `${name[place]}9`, change: '9' }[edit];
          const written = name.slice(0, place) + middle + name.slice(place + 1);
          expect(findNearest(written, ['-', name, '0123456789'])).toBe(name);
        },
      ),
    );
  });
});
