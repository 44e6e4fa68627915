import { describe, expect, it } from 'vitest';
import { BudgetKind } from '../../src/gen/prunecast/v1/common.js';
import { formatCost } from '../../src/words/format-cost.js';
import { formatAmount, formatBytes, formatDuration, formatMetric } from '../../src/words/format.js';

describe('numbers for people', () => {
  it('keep five digits that matter', () => {
    expect([4.623_149, 53.834_21, 0, 1_234_567.8, 0.000_012_3].map(formatMetric)).toEqual([
      '4.6231',
      '53.834',
      '0',
      '1.235e+6',
      '1.230e-5',
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
    ).toEqual(['828,928', '809.5 KiB', '828.9 k FLOP', '8.289e+5 ms']);
  });
});
