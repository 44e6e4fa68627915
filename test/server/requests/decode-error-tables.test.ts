import { describe, expect, it } from 'vitest';
import { PredictorFeatures } from '../../../src/client/index.js';
import { decodeErrorTables } from '../../../src/server/requests/decode-error-tables.js';

const DIMENSIONS = ['layers.0.ffn_channels', 'layers.1.ffn_channels'];

function decode(...tables: readonly { readonly errors: number[]; readonly counts: number[] }[]) {
  const errorTables = tables.map((table, index) => ({ dimension: DIMENSIONS[index] ?? '', ...table }));
  return decodeErrorTables(
    { features: PredictorFeatures.RATES_AND_ERRORS, errorTables },
    { dimensions: DIMENSIONS },
  )?.map(({ errors }) => [...errors]);
}

const at = (field: string) => expect.objectContaining({ violations: [expect.objectContaining({ field })] }) as Error;

describe('error tables', () => {
  it('name the error of every count, or of some counts between which it is interpolated', () => {
    expect(decode({ errors: [1, 0.5, 0.25], counts: [] })).toEqual([[1, 0.5, 0.25]]);
    expect(decode({ errors: [1, 0.5, 0], counts: [0, 2, 6] })).toEqual([[1, 0.75, 0.5, 0.375, 0.25, 0.125, 0]]);
  });

  it('are refused with counts that do not start at 0, do not ascend, or are not as many as the errors', () => {
    const errors = [1, 0.5, 0];
    expect(() => decode({ errors, counts: [1, 2, 6] })).toThrow(at('error_tables[0].counts[0]'));
    expect(() => decode({ errors, counts: [0, 4, 4] })).toThrow(at('error_tables[0].counts[2]'));
    expect(() => decode({ errors, counts: [0, 6] })).toThrow(at('error_tables[0].counts'));
  });

  it('are refused if they would fill the memory', () => {
    const wide = { errors: [1, 0], counts: [0, 10_000_000] };
    expect(() => decode(wide, wide)).toThrow(at('error_tables'));
  });
});
