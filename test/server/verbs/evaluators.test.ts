import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CRITERIA, keptUnitsOf } from '../../support/criteria-reference.js';
import { DEMO, encodeUnits, REFERENCE_TEXT, startVerbServer, type VerbServer } from './verb-server.js';

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
});
afterAll(() => verbs[Symbol.asyncDispose]());

/** What PyTorch finds of the kept units of criteria.json in float64, the other units' outputs set to 0. */
const DIVERGENCES = [
  { name: 'dense', criterion: 'wanda', divergence: 0, agreement: 1 },
  { name: 'uniform-quarter', criterion: 'wanda', divergence: 1.23778, agreement: 0.454478 },
  { name: 'non-uniform', criterion: 'fluctuation', divergence: 1.393223, agreement: 0.445128 },
  { name: 'dropped-blocks', criterion: 'taylor-first', divergence: 2.954156, agreement: 0.216781 },
];

describe('Evaluate with kl-divergence', () => {
  it('gives the divergences and agreements that PyTorch gives of the same kept units', async () => {
    const references = DIVERGENCES.flatMap(({ name, criterion }) =>
      CRITERIA.pruned.filter((pruned) => pruned.name === name && pruned.criterion === criterion),
    );
    const found = await verbs.client.runEvaluate({
      model: DEMO,
      measurement: { evaluator: { id: 'kl-divergence' }, text: REFERENCE_TEXT },
      targets: references.map((reference) => ({
        target: { $case: 'keptUnits', value: encodeUnits(keptUnitsOf(reference)) },
      })),
    });
    expect(found).toHaveLength(DIVERGENCES.length);
    for (const [index, { divergence, agreement }] of DIVERGENCES.entries()) {
      const { kl_divergence: measured = NaN, agreement: agreed = NaN } = found[index]?.metrics ?? {};
      expect(Math.abs(measured - divergence)).toBeLessThan(1e-4 * divergence + 1e-9);
      // 4,064 tokens; two most likely ones may be equal in float32.
      expect(Math.abs(agreed - agreement)).toBeLessThan(2 / 4064);
    }
  });
});
