import { describe, expect, it } from 'vitest';
import { applyEvent, applyOverview, listLabels, UNKNOWN_STUDY } from '../../src/dashboard/live-study.js';
import type { JobEvent, StudyOverview } from '../../src/dashboard/messages.js';

const overviewOf = (labels: StudyOverview['labels']): StudyOverview => ({
  study: { id: 's' },
  metric: 'perplexity',
  ...(labels && { labels }),
});
const trial = (number: number, perplexity: number | string, tokensSpent = '100'): JobEvent => ({
  study: {
    studyId: 's',
    phase: 'STUDY_PHASE_SAMPLE',
    trial: {
      number,
      role: 'TRIAL_ROLE_PAIR',
      part: 'TEXT_PART_SEARCH',
      metrics: { perplexity, accuracy: 1 },
      tokensSpent,
    },
  },
});
const label = (number: number, tokensSpent: string) => ({
  number,
  role: 'TRIAL_ROLE_PAIR',
  part: 'TEXT_PART_SEARCH',
  value: 9,
  tokensSpent,
  withinBudgets: true,
});

describe('a study that is followed live', () => {
  it('shows labels of events before the server has told the study as a whole, their tokens added up', () => {
    const known = applyOverview(UNKNOWN_STUDY, overviewOf([label(1, '500')]));
    const grown = [trial(2, 8), trial(3, 7, '50')].reduce(applyEvent, known);
    expect(listLabels(grown).map(({ number, value, tokensSpent }) => [number, value, tokensSpent])).toEqual([
      [1, 9, '500'],
      [2, 8, '600'],
      [3, 7, '650'],
    ]);
  });

  it('has each label once, whether it came by an event, by the whole, or by both in any order', () => {
    const early = applyEvent(UNKNOWN_STUDY, trial(1, 8));
    const both = applyOverview(early, overviewOf([label(1, '500')]));
    expect(listLabels(both).map(({ number }) => number)).toEqual([1]);
    expect(applyEvent(both, trial(1, 8))).toBe(both);
    const ahead = applyOverview(
      [trial(2, 8), trial(3, 7)].reduce(applyEvent, both),
      overviewOf([label(1, '500'), label(2, '600')]),
    );
    expect(listLabels(ahead).map(({ number }) => number)).toEqual([1, 2, 3]);
  });

  it('has no value of a label that is not finite, which proto JSON writes as text', () => {
    const study = applyEvent(applyOverview(UNKNOWN_STUDY, overviewOf([])), trial(1, 'NaN'));
    expect(listLabels(study)).toEqual([
      { number: 1, role: 'TRIAL_ROLE_PAIR', part: 'TEXT_PART_SEARCH', tokensSpent: '100' },
    ]);
  });
});
