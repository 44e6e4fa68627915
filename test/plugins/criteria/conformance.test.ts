import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Criterion } from '../../../src/core/ports/criterion.js';
import { BUILTIN_PLUGINS } from '../../../src/plugins/builtin/list.js';
import { defineCriterion } from '../../../src/plugins/define.js';
import { listCriterionChecks } from '../../../src/plugins/testing/criterion-conformance.js';

const CRITERIA = BUILTIN_PLUGINS.map(({ plugin }) => plugin).filter((plugin) => plugin.kind === 'criterion');

describe.each(CRITERIA.map((criterion) => ({ id: criterion.id, criterion })))('$id', ({ criterion }) => {
  it.each(listCriterionChecks(criterion))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

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
      'cannot be listed',
      { options: z.strictObject({ when: z.date().optional() }) },
      /is a plug-in that servers accept/,
    ],
  ])('finds out one that %s', async (_, fault, message) => {
    expect((await failures({ ...honest, ...fault } as Criterion)).join('\n')).toMatch(message);
  });
});

async function failures(criterion: Criterion, options?: unknown): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, run } of listCriterionChecks(criterion, options === undefined ? {} : { options }))
    await run().catch((error: unknown) => failed.push(`${name}: ${String(error)}`));
  return failed;
}
