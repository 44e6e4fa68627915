import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Criterion } from '../../../src/core/ports/criterion.js';
import { defineCriterion } from '../../../src/plugins/define.js';
import { listCriterionChecks } from '../../../src/plugins/testing/criterion-conformance.js';
import { failuresOf } from './failures-of.js';

describe('listCriterionChecks', () => {
  const honest = defineCriterion({
    id: 'honest',
    summary: 'The first weight.',
    needs: ['weights'],
    options: z.strictObject({ factor: z.number().default(2).describe('Times the weight.') }),
    score: ({ units }, { factor }) => Float32Array.from(units, ({ weights }) => factor * (weights[0]?.[0] ?? 0)),
  });
  it('passes a criterion that is well written, with its defaults and with options', async () => {
    expect(await failures(honest)).toEqual([]);
    expect(await failures(honest, { factor: 3 })).toEqual([]);
  });

  it.each<[string, Partial<Criterion>, RegExp]>([
    [
      'reads activations that it does not ask for',
      { score: ({ units }) => Float32Array.from(units, ({ columns }) => columns[0]?.mean ?? 0) },
      /NaN of .* is not finite: is something missing from `needs`/,
    ],
    ['forgets a unit', { score: ({ units }) => new Float32Array(units.length - 1) }, /need 1 scores/],
    [
      'changes what it is shown',
      {
        score: ({ units }) =>
          Float32Array.from(units, ({ weights: [first] }) => {
            first?.fill(0);
            return 1;
          }),
      },
      /leaves the units as they were/,
    ],
    [
      'takes chance without the seed',
      { score: ({ units }) => Float32Array.from(units, () => Math.random()) },
      /the same scores for the same units/,
    ],
    [
      'divides by nothing',
      { score: ({ units }) => Float32Array.from(units, ({ weights }) => 1 / (weights[0]?.[0] ?? 0)) },
      /that are all 0: .*Infinity/,
    ],
    ['takes any option', { options: z.object({}) }, /an unknown option must be refused/],
    [
      'does not say what its option means',
      { options: z.strictObject({ factor: z.number().default(2) }) },
      /the option factor has no description/,
    ],
    [
      'blames another option',
      {
        options: z
          .strictObject({ factor: z.unknown().describe('Times the weight.') })
          .superRefine(({ factor }, context) => {
            if (factor === null) context.addIssue({ code: 'custom', path: ['other'], message: 'is wrong' });
          }),
      },
      /the error about factor: null has not the path of the option/,
    ],
    [
      'goes by the places of the units',
      { score: ({ units }) => Float32Array.from(units, ({ weights }, index) => index + (weights[0]?.[0] ?? 0)) },
      /a unit of kind ffn_channel scores .* at place 3, and .* at place 0/,
    ],
    [
      'hides a cancel',
      {
        needs: ['gram'],
        score: async ({ units, half }) => {
          await half?.breathe?.(0.5).catch(() => {
            throw new Error('no luck');
          });
          return new Float32Array(units.length);
        },
      },
      /must fail with the signal's reason, not with: Error: no luck/,
    ],
    [
      'states less memory for more rows',
      { scoringBytes: (rows) => 1000 / rows },
      /1000, 125, .* bytes for 1, 8, 64 and 512 rows/,
    ],
    [
      'cannot be listed',
      { options: z.strictObject({ when: z.date().optional() }) },
      /is a plug-in that servers accept/,
    ],
  ])('finds out one that %s', async (_, fault, message) => {
    expect((await failures({ ...honest, ...fault } as Criterion)).join('\n')).toMatch(message);
  });
});

function failures(criterion: Criterion, options?: unknown): Promise<string[]> {
  return failuresOf(listCriterionChecks(criterion, { options }));
}
