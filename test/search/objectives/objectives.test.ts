import { describe, expect, it } from 'vitest';
import { createSearchSpace } from '../../../src/core/space/create-search-space.js';
import { denseCounts } from '../../../src/core/space/search-space.js';
import { nameObjective, plainObjectives, type Objectives } from '../../../src/search/objectives/objectives.js';
import { findFront, rankScores } from '../../../src/search/objectives/rank-scores.js';
import { scoreMeasured, scorePredicted } from '../../../src/search/objectives/score-point.js';
import { STORIES_SHAPE } from '../../support/shapes.js';

const space = createSearchSpace(STORIES_SHAPE);
const counts = denseCounts(space); // 260,032 parameters
const perplexity = { name: 'perplexity', better: 'lower', scale: 'log', summary: '' } as const;
const accuracy = { name: 'accuracy', better: 'higher', scale: 'linear', summary: '' } as const;
const sum: Objectives = {
  objectives: [
    {
      terms: [
        { quantity: { kind: 'metric', metric: perplexity }, weight: 2 },
        { quantity: { kind: 'metric', metric: accuracy }, weight: 1 },
        { quantity: { kind: 'cost', cost: { kind: 'parameters' } }, weight: 0.5 },
      ],
    },
  ],
  limits: [],
};

describe('scoreMeasured', () => {
  it('adds weighted logarithms, and the values of metrics on a linear scale, where higher is better with a minus', () => {
    const { values } = scoreMeasured(sum, space, { counts, metrics: { perplexity: 5, accuracy: 0.4 } });
    expect(values[0]).toBeCloseTo(2 * Math.log(5) - 0.4 + 0.5 * Math.log(260_032), 12);
    expect(nameObjective(sum.objectives[0] ?? { terms: [] })).toBe('2 perplexity + 1 accuracy + 0.5 parameters');
  });

  it('adds up by how much limits are missed, on either side', () => {
    const objectives: Objectives = {
      ...plainObjectives(perplexity),
      limits: [
        { metric: accuracy, limit: 0.5 },
        { metric: perplexity, limit: 4 },
      ],
    };
    const missed = scoreMeasured(objectives, space, { counts, metrics: { perplexity: 5, accuracy: 0.4 } });
    expect(missed.violation).toBeCloseTo((0.5 - 0.4) / 0.5 + Math.log(5 / 4), 12);
    expect(scoreMeasured(objectives, space, { counts, metrics: { perplexity: 4, accuracy: 0.5 } }).violation).toBe(0);
    expect(scoreMeasured(objectives, space, { counts, metrics: { perplexity: 4 } }).violation).toBe(
      Number.POSITIVE_INFINITY,
    );
  });
});

describe('a metric below 0', () => {
  const margin = { name: 'margin', better: 'higher', scale: 'linear', summary: '' } as const;
  const { objectives } = plainObjectives(margin);

  it('ranks by its value, measured and predicted', () => {
    const margins = [-3, -0.5, -2000, 1];
    const measured = margins.map((own) =>
      scoreMeasured(plainObjectives(margin), space, { counts, metrics: { margin: own } }),
    );
    const predicted = scorePredicted(
      plainObjectives(margin),
      space,
      margins.map(() => counts),
      {
        margin: { mean: Float64Array.from(margins) },
      },
    );
    expect(rankScores(measured)).toEqual([3, 1, 0, 2]);
    expect(rankScores(predicted.scores)).toEqual([3, 1, 0, 2]);
  });

  it.each([
    [-2, 0.25],
    [0, 2.5],
  ])('misses a limit of %d by its share of the limit, or by its distance from 0', (limit, missed) => {
    const limited: Objectives = { objectives, limits: [{ metric: margin, limit }] };
    const violationOf = (own: number) => scoreMeasured(limited, space, { counts, metrics: { margin: own } }).violation;
    expect(violationOf(-2.5)).toBeCloseTo(missed, 12);
    expect(violationOf(limit)).toBe(0);
  });
});

describe('scorePredicted', () => {
  it('takes the mean of a fit in logarithms as it is, and a cost as it is known', () => {
    const { scores, deviations } = scorePredicted(sum, space, [counts], {
      perplexity: { mean: Float64Array.of(1.5), deviation: Float64Array.of(0.3) },
      accuracy: { mean: Float64Array.of(0.4), deviation: Float64Array.of(0.02) },
    });
    expect(scores[0]?.values[0]).toBeCloseTo(3 - 0.4 + 0.5 * Math.log(260_032), 12);
    expect(deviations[0]?.[0]).toBeCloseTo(Math.hypot(2 * 0.3, 0.02), 12);
  });

  it('gives a plain objective the predicted mean itself', () => {
    const { scores } = scorePredicted(plainObjectives(perplexity), space, [counts, counts], {
      perplexity: { mean: Float64Array.of(1.1, 0.7) },
    });
    expect(scores.map(({ values }) => values)).toEqual([[1.1], [0.7]]);
  });
});

describe('rankScores', () => {
  it('puts what meets the limits first, then what misses them least, and no number last', () => {
    const scores = [
      [3, 0],
      [Number.NaN, 0],
      [1, 0.2],
      [2, 0],
      [1, 0.1],
      [2, 0],
    ].map(([value = 0, violation = 0]) => ({ values: [value], violation }));
    expect(rankScores(scores)).toEqual([3, 5, 0, 4, 2, 1]);
  });

  it('begins with the knee of the front, and leaves what is dominated behind it', () => {
    const scores = [
      [0, 10],
      [1, 3],
      [2, 2.9],
      [10, 0],
      [1, 4],
      [0, 0],
    ].map((values, index) => ({ values, violation: index === 5 ? 1 : 0 }));
    expect(rankScores(scores)[0]).toBe(1);
    expect(rankScores(scores).slice(4)).toEqual([4, 5]);
    expect(findFront(scores)).toEqual([0, 1, 2, 3]);
  });
});
