import { describe, expect, it } from 'vitest';
import { compareBy, describeLift } from '../../src/words/describe-lift.js';

describe('words for a lift', () => {
  it('says worse where the winner is worse', () => {
    expect(compareBy(0.0333)).toBe('3.3 % better than');
    expect(compareBy(-0.152)).toBe('15.2 % worse than');
  });

  it('says that there is no interval', () => {
    expect(describeLift({ low: undefined, high: undefined })).toBe('no interval');
    expect(describeLift({ low: -0.01, high: 0.05 })).toBe('95 % interval -1.0 % to 5.0 %');
  });
});
