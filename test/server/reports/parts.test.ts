import { assert, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LabelPoint } from '../../../src/gen/prunecast/v1/study.js';
import { GetStudyReportResponse, LabelPoint as LabelMessage } from '../../../src/gen/prunecast/v1/study.js';
import { TextPart, Trial, TrialRole } from '../../../src/gen/prunecast/v1/study_types.js';
import { findImprovements, MOST_SHOWN_CHANGES } from '../../../src/server/reports/find-improvements.js';
import { MOST_SHOWN_LABELS } from '../../../src/server/reports/list-labels.js';
import { chartTrials } from '../../../src/server/reports/chart-trials.js';
import { readPageScript } from '../../../src/server/reports/page-script.js';
import { composeReport } from '../../../src/report/compose-report.js';
import { writeHtml } from '../../../src/report/write-html.js';
import { MAX_MESSAGE_BYTES } from '../../../src/server/config/limits.js';
import type { PlannedStudy } from '../../../src/server/requests/plan-search.js';
import { sampleOverview } from '../../report/sample-overview.js';
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
        expect(selected.at(-1)).toBe(most === 1 ? values[0] : values.at(-1));
      }),
    );
  });
});

describe('the charts of a study with 30,000 trials', () => {
  const FINALISTS = 300;
  const trials = Array.from({ length: 30_000 }, (_, index) =>
    Trial.fromPartial({
      number: index + 1,
      role: index < 20_000 ? TrialRole.PAIR : index < 29_700 ? TrialRole.CONTROL : TrialRole.FINALIST,
      control: index < 20_000 || index >= 29_700 ? '' : index < 29_690 ? 'random' : 'uniform-best',
      part: index < 20_000 ? TextPart.SEARCH : TextPart.VERIFY,
      fidelityDigest: 'f'.repeat(64),
      // Better each time: the longest curve that there can be.
      metrics: { perplexity: 50_000.123_456 - index },
      predicted: 50_000.654_321 - index,
      parameters: 107_000_000n,
      tokensSpent: 16_384n,
      architecture: { layers: [{ kvHeads: 1, queryHeadsPerKv: 1, ffnChannels: 1 }] },
    }),
  );
  // A budget that every architecture meets; of the shape its cost reads nothing else.
  const study = {
    space: { shape: { headDim: 4 } },
    budgets: [{ cost: { kind: 'kv_cache_bytes_per_token', bytesPerValue: 2 }, limit: 1e9 }],
  } as unknown as PlannedStudy;
  const charted = chartTrials(trials, {
    metric: { name: 'perplexity', better: 'lower' },
    study,
    calibrationTokens: 0,
  });

  it('leave out most, say how much, and keep the first, the last and what there is little of', () => {
    const { labels, labelsLeftOut, bestSoFar, bestSoFarLeftOut } = charted;
    expect(labels).toHaveLength(MOST_SHOWN_LABELS);
    expect(labels.length + labelsLeftOut).toBe(30_000);
    expect([labels[0]?.number, labels.at(-1)?.number]).toEqual([1, 30_000]);
    expect(labels.filter(({ control }) => control === 'uniform-best')).toHaveLength(10);
    expect(bestSoFar.filter(({ part }) => part === TextPart.SEARCH)).toHaveLength(MOST_SHOWN_CHANGES);
    expect(bestSoFar.length + bestSoFarLeftOut).toBe(20_000 + FINALISTS);
    expect(bestSoFar.at(-1)?.number).toBe(30_000);
    // Tokens are counted over all trials.
    expect(labels.at(-1)?.tokensSpent).toBe(30_000n * 16_384n);
  });

  it('fit one message together with the page that shows them, which says so', async () => {
    const overview = {
      ...sampleOverview(),
      ...charted,
      predictedLabels: Array.from({ length: MOST_SHOWN_LABELS }, (_, index) => {
        const value = 20.123_456_7 + index / 7;
        return { measured: value, predicted: value + 0.1, low: value - 1.3, high: value + 1.3 };
      }),
      predictedLabelsLeftOut: 15_000,
    };
    const document = writeHtml(composeReport(overview), await readPageScript());
    const message = GetStudyReportResponse.encode({ overview, document }).finish();
    expect(message.length).toBeLessThan(MAX_MESSAGE_BYTES / 2);
    expect(document).toContain('Shown are 5,000 of 20,000 pairs');
    expect(document).toContain('of 20,300 improvements');
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
