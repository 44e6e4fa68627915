import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BudgetKind } from '../../src/gen/prunecast/v1/common.js';
import { describeLift } from '../../src/words/describe-lift.js';
import { formatCost } from '../../src/words/format-cost.js';
import {
  formatAmount,
  formatBytes,
  formatDuration,
  formatEstimate,
  formatMetric,
  formatShare,
} from '../../src/words/format.js';

describe('numbers for people', () => {
  it('keep five digits that matter', () => {
    expect([4.623_149, 53.834_21, 0, 1_234_567.8, 1_234_567, 0.000_012_3].map(formatMetric)).toEqual([
      '4.6231',
      '53.834',
      '0',
      '1.235e+6',
      '1,234,567',
      '1.230e-5',
    ]);
  });

  it('keep all digits of what is counted, unless it is too large to be exact', () => {
    expect([99_999, 260_032, 134_515_008, 1e20].map(formatMetric)).toEqual([
      '99999',
      '260,032',
      '134,515,008',
      '1.000e+20',
    ]);
  });

  it('have their standard errors in the same notation', () => {
    const written = (
      [
        [4_043_123_456.7, 850_000_000],
        [53.834_21, 0.4249],
        [1.142_9, 0.15],
        [7.4756, 9],
        [0.000_123_4, 0.000_002],
        [134_515_008, 1234.4],
        [0.5, 0],
      ] as const
    ).map(([value, error]) => formatEstimate(value, error));
    expect(written).toEqual([
      '4.043e+9 ± 0.85e+9',
      '53.834 ± 0.42',
      '1.1429 ± 0.15',
      '7.4756 ± 9.0',
      '1.234e-4 ± 0.020e-4',
      '134,515,008 ± 1,234',
      '0.5 ± 0',
    ]);
  });

  it('have units', () => {
    expect([0, 0.02, 0.9, 7, 60, 754, 3723, 7185, 97_200, 172_800].map(formatDuration)).toEqual([
      '0 s',
      '0.1 s',
      '0.9 s',
      '7 s',
      '1 min',
      '12 min 34 s',
      '1 h 2 min',
      '2 h',
      '1 d 3 h',
      '2 d',
    ]);
    expect([999, 1024, 1_048_575, 269_060_280n, 15 * 1024 ** 3].map(formatBytes)).toEqual([
      '999 B',
      '1.0 KiB',
      '1.0 MiB',
      '256.6 MiB',
      '15.0 GiB',
    ]);
    expect([9999, 260_032n, 999_960, 134_515_008].map(formatAmount)).toEqual(['9,999', '260.0 k', '1.0 M', '134.5 M']);
    expect(
      [BudgetKind.PARAMETERS, BudgetKind.WEIGHT_BYTES, BudgetKind.FLOPS_PER_TOKEN, BudgetKind.LATENCY_MS].map((kind) =>
        formatCost(kind, 828_928),
      ),
    ).toEqual(['828,928', '809.5 KiB', '828.9 k FLOP', '828,928 ms']);
  });
});

describe('one figure', () => {
  it('reads the same in the sentence of a report, in its tables, and on the terminal', () => {
    expect([0.0545, 0.0544, -0.1621, 1].map(formatShare)).toEqual(['5.5 %', '5.4 %', '-16.2 %', '100.0 %']);
    expect(describeLift({ low: 0.0123, high: 0.0987 })).toBe('95 % interval 1.2 % to 9.9 %');
    expect(describeLift({})).toBe('no interval');
  });

  it('is written by these functions alone: no other source rounds shares and correlations', () => {
    const src = resolve(import.meta.dirname, '../../src');
    const others = readdirSync(src, { recursive: true, encoding: 'utf8' })
      .map((file) => file.replaceAll('\\', '/'))
      .filter((file) => /^(?:charts|cli|dashboard|report|search|server\/reports)\/.*\.ts$/.test(file));
    expect(others.length).toBeGreaterThan(150);
    expect(
      others.filter((file) => /\.toFixed\([12]\)|toLocaleString\('en/.test(readFileSync(join(src, file), 'utf8'))),
    ).toEqual([]);
  });
});
