import { describe, expect, it } from 'vitest';
import { createInt8Check } from '../../../src/engine/workers/int8-check.js';
import { isInt8Offered } from '../../../src/engine/graph/measure-int8.js';
import { hasVnni } from '../../support/cpu.js';

describe('isInt8Offered', () => {
  it.each([
    [true, 3.5, true],
    [false, 3.5, false],
    [true, 0.9, false],
  ])('exact %s and %d times as fast: %s', (exact, speedup, offered) => {
    expect(isInt8Offered({ exact, speedup })).toBe(offered);
  });
});

describe('createInt8Check', () => {
  it.skipIf(!hasVnni)(
    'finds products of extreme values exact on a CPU with VNNI, and tries them only once',
    async () => {
      const check = createInt8Check();
      const first = await check();
      expect(first.exact).toBe(true);
      expect(first.speedup).toBeGreaterThan(1);
      expect(await check()).toBe(first);
    },
  );
});
