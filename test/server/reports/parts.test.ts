import { assert, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LabelPoint } from '../../../src/gen/prunecast/v1/study.js';
import { LabelPoint as LabelMessage } from '../../../src/gen/prunecast/v1/study.js';
import { TextPart, TrialRole } from '../../../src/gen/prunecast/v1/study_types.js';
import { findImprovements } from '../../../src/server/reports/find-improvements.js';
import { MOST_SHOWN_PAIRS, thinPairs } from '../../../src/server/reports/list-labels.js';
import { selectEvenly } from '../../../src/server/reports/select-evenly.js';

const label = (number: number, value: number | undefined, changes: Partial<LabelPoint> = {}): LabelPoint => ({
  ...LabelMessage.fromPartial({
    number,
    role: TrialRole.PAIR,
    part: TextPart.SEARCH,
    fidelityDigest: 'f',
    tokensSpent: BigInt(10 * number),
    withinBudgets: true,
  }),
  value,
  ...changes,
});

const numbers = (labels: readonly LabelPoint[], better: 'lower' | 'higher' = 'lower') =>
  findImprovements(labels, { better }).map(({ number }) => number);

describe('an even selection', () => {
  it('keeps the order and the first, takes none twice, and all if there is room', () => {
    assert(
      property(integer({ min: 0, max: 300 }), integer({ min: 1, max: 100 }), (count, most) => {
        const values = Array.from({ length: count }, (_, index) => index);
        const selected = selectEvenly(values, most);
        expect(selected).toHaveLength(Math.min(count, most));
        expect(selected).toEqual([...new Set(selected)].toSorted((a, b) => a - b));
        expect(selected.slice(0, 1)).toEqual(values.slice(0, 1));
      }),
    );
  });

  it('thins pairs alone', () => {
    const labels = Array.from({ length: MOST_SHOWN_PAIRS + 100 }, (_, index) =>
      label(index, 1, index % 51 === 0 ? { role: TrialRole.CONTROL } : {}),
    );
    const shown = thinPairs(labels);
    expect(shown.filter(({ role }) => role === TrialRole.PAIR)).toHaveLength(MOST_SHOWN_PAIRS);
    expect(shown.filter(({ role }) => role === TrialRole.CONTROL)).toHaveLength(100);
  });
});

describe('improvements', () => {
  it('are values better than all before, within the budgets, of what the search found', () => {
    expect(
      numbers([
        label(1, 9, { withinBudgets: false }),
        label(2, 10),
        label(3, undefined),
        label(4, 10),
        label(5, 8, { role: TrialRole.CONTROL }),
        label(6, 9),
        label(7, 7, { role: TrialRole.DENSE }),
      ]),
    ).toEqual([2, 6]);
    expect(numbers([label(1, 0.2), label(2, 0.1), label(3, 0.3)], 'higher')).toEqual([1, 3]);
  });

  it('count on the last fidelity of a text only, and on each text for itself', () => {
    const verify = { role: TrialRole.FINALIST, part: TextPart.VERIFY };
    expect(
      numbers([
        label(1, 10),
        label(2, 3, { ...verify, fidelityDigest: 'cheap' }),
        label(3, 12, { ...verify, fidelityDigest: 'dear' }),
        label(4, 11, { ...verify, fidelityDigest: 'dear' }),
      ]),
    ).toEqual([1, 3, 4]);
  });
});
