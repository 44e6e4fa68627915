import { describe, expect, it } from 'vitest';
import {
  parseAmount,
  parseCount,
  parseLayers,
  parsePlaces,
  parsePluginOption,
  parseShare,
} from '../../src/flags/values.js';

describe('parseShare', () => {
  it('reads 20% and 0.2 alike, and refuses what is no share of the whole', () => {
    expect(parseShare('20%')).toBe(parseShare('0.2'));
    expect(parseShare('100%')).toBe(1);
    for (const wrong of ['20', '120%', '-5%', '', 'x', '%'])
      expect(() => parseShare(wrong)).toThrow('share from 0 to 1');
    expect(() => parseShare('20')).toThrow('Did you mean 20%?');
    expect(() => parseShare('120')).not.toThrow('Did you mean');
  });
});

describe('parsePlaces', () => {
  it('reads places and ranges of them, both ends included', () => {
    expect(parsePlaces('3,7, 20-23')).toEqual([3, 7, 20, 21, 22, 23]);
    for (const wrong of ['', '-1', '5-3', '1.5', '0-999999999', 'x'])
      expect(() => parsePlaces(wrong)).toThrow('places and ranges');
  });
});

describe('parseAmount', () => {
  it('knows units, separators and exponents', () => {
    expect(['4096', '4_096', '4,096'].map(parseAmount)).toEqual([4096, 4096, 4096]);
    expect(['10k', '1.1M', '2GB', '1e6'].map(parseAmount)).toEqual([10_000, 1_100_000, 2_000_000_000, 1_000_000]);
    for (const wrong of ['-1', 'k', '1 2', '']) expect(() => parseAmount(wrong)).toThrow('number');
  });

  it('leaves counts whole', () => {
    expect(() => parseCount('1.5')).toThrow('whole number');
    expect(parseCount('1.5k')).toBe(1500);
  });
});

describe('parseLayers', () => {
  it('tells no layers from layer 0', () => {
    expect(parseLayers('none')).toEqual([]);
    expect(parseLayers('0,1,29')).toEqual([0, 1, 29]);
  });
});

describe('parsePluginOption', () => {
  it('reads numbers, booleans and lists as such, and the rest as text', () => {
    expect(['depth=6', 'flag=true', 'order=first', 'grid=[1,2]', 'note=a=b'].map(parsePluginOption)).toEqual([
      { depth: 6 },
      { flag: true },
      { order: 'first' },
      { grid: [1, 2] },
      { note: 'a=b' },
    ]);
  });
});
