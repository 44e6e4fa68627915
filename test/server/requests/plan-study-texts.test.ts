import { describe, expect, it } from 'vitest';
import type { EvaluationPlan } from '../../../src/core/ports/evaluator.js';
import { refuseTextOverlap } from '../../../src/server/requests/plan-study-texts.js';

/** Windows of four tokens at these places of one text. */
function planOf(starts: readonly number[]): EvaluationPlan {
  return {
    sequences: [],
    measurement: {
      textDigest: 'text',
      tokenizerDigest: '',
      window: 4,
      stride: 4,
      bos: false,
      bosToken: undefined,
      scorer: '',
      promptFormat: '',
    },
    fidelity: { tokens: 4 * starts.length, items: starts, precision: 'float32' },
  };
}

function findShared(calibration: readonly number[], verify: readonly number[]): () => void {
  const plans = { search: planOf([]), verify: [planOf(verify)], report: planOf([]) };
  return () =>
    refuseTextOverlap(
      plans,
      { sequences: [], textDigest: 'text', starts: calibration, textTokens: 10 },
      { what: 'a calibration sequence', field: 'calibration' },
    );
}

describe('calibration sequences and windows', () => {
  it('that share one token of the text are refused by that token, those that only touch are not', () => {
    expect(findShared([0, 40], [10, 36, 50])).not.toThrow();
    expect(findShared([40, 0], [60, 9])).toThrow(
      expect.objectContaining({ reason: 'WINDOWS_OVERLAP', message: expect.stringContaining('token 9 ') }),
    );
    expect(findShared([40, 0], [37])).toThrow(
      expect.objectContaining({ message: expect.stringContaining('token 40 ') }),
    );
  });

  it('are compared in one walk, however many there are', () => {
    const calibration = Array.from({ length: 100_000 }, (_, index) => 20 * index);
    const { user } = process.cpuUsage();
    expect(
      findShared(
        calibration,
        calibration.map((start) => start + 10),
      ),
    ).not.toThrow();
    expect(process.cpuUsage({ user, system: 0 }).user / 1000).toBeLessThan(1000);
  });
});
