import { describe, expect, it } from 'vitest';
import { Objective } from '../../../src/gen/prunecast/v1/study.js';
import perplexity from '../../../src/plugins/evaluators/perplexity.js';
import { nameObjective } from '../../../src/search/objectives/objectives.js';
import { decodeObjectives } from '../../../src/server/requests/decode-objectives.js';

function decode(...asked: readonly Partial<Objective>[]) {
  const {
    objectives: { objectives, limits },
    metric: { name },
  } = decodeObjectives(
    asked.map((given) => Objective.fromPartial(given)),
    perplexity,
  );
  return {
    objectives: objectives.map(nameObjective),
    limits: limits.map(({ metric, limit }) => `${metric.name} ${limit}`),
    metric: name,
  };
}

function refusal(...objectives: readonly Partial<Objective>[]): unknown {
  try {
    return decode(...objectives);
  } catch (error) {
    return error;
  }
}

describe('decodeObjectives', () => {
  it("takes the evaluator's first metric where none is given", () => {
    expect(decode()).toEqual({ objectives: ['perplexity'], limits: [], metric: 'perplexity' });
  });

  it('makes one objective of those with a weight, and one of each without', () => {
    expect(decode({ metric: 'perplexity', weight: 2 }, { metric: 'accuracy', weight: 1 })).toEqual({
      objectives: ['2 perplexity + 1 accuracy'],
      limits: [],
      metric: 'perplexity',
    });
    expect(decode({ metric: 'parameters' }, { metric: 'accuracy' })).toEqual({
      objectives: ['parameters', 'accuracy'],
      limits: [],
      metric: 'accuracy',
    });
  });

  it('takes an entry with a limit as a limit alone, and as an objective too if there is no other', () => {
    expect(decode({ metric: 'perplexity' }, { metric: 'accuracy', limit: 0.4 })).toEqual({
      objectives: ['perplexity'],
      limits: ['accuracy 0.4'],
      metric: 'perplexity',
    });
    expect(decode({ metric: 'accuracy', limit: 0.4 })).toEqual({
      objectives: ['accuracy'],
      limits: ['accuracy 0.4'],
      metric: 'accuracy',
    });
  });

  it('means a cost as a budget of its kind does', () => {
    const flops = { kind: 'flops_per_token', context: 2048 } as const;
    const { objectives } = decodeObjectives(
      [Objective.fromPartial({ metric: 'perplexity' }), Objective.fromPartial({ metric: 'flops_per_token' })],
      perplexity,
      [flops],
    ).objectives;
    expect(objectives[1]?.terms[0]?.quantity).toEqual({ kind: 'cost', cost: flops });
  });

  it('says which field is wrong, and what is allowed', () => {
    expect(refusal({ metric: 'speed' })).toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'objectives[0].metric', description: expect.stringContaining('flops_per_token') }],
    });
    expect(refusal({ metric: 'perplexity' }, { metric: 'accuracy', weight: 0 })).toMatchObject({
      violations: [{ field: 'objectives[1].weight' }],
    });
    expect(refusal({ metric: 'perplexity' }, { metric: 'parameters', limit: 9 })).toMatchObject({
      violations: [{ field: 'objectives[1].limit' }],
    });
    expect(refusal({ metric: 'parameters' })).toMatchObject({ violations: [{ field: 'objectives' }] });
    expect(refusal({ metric: 'perplexity' }, { metric: 'perplexity' })).toMatchObject({
      violations: [{ field: 'objectives' }],
    });
  });
});
