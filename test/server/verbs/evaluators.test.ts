import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEMO_DIRECTORY } from '../../support/demo-model.js';
import { CRITERIA, keptUnitsOf } from '../../support/criteria-reference.js';
import type { DeepPartial, EvaluateRequest } from '../../../src/client/index.js';
import {
  countDemoParameters,
  DEMO,
  demoLayers,
  encodeUnits,
  MAGNITUDE,
  REFERENCE_TEXT,
  refusalOf,
  smallSearch,
  startVerbServer,
  type VerbServer,
} from './verb-server.js';

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

  it('counts the run of the dense model once for all that are compared with it', async () => {
    const request: DeepPartial<EvaluateRequest> = {
      model: DEMO,
      measurement: {
        evaluator: { id: 'kl-divergence' },
        text: { source: { $case: 'path', value: `${DEMO}/stories.json` } },
      },
      fidelity: { tokenLimit: 512n },
      targets: [0.1, 0.2].map((rate) => ({ target: { $case: 'uniformRate', value: rate } })),
      recipe: MAGNITUDE,
    };
    const planned = await verbs.client.planEvaluate(request);
    expect(planned.tokens).toBe(4n * 512n); // as if each were compared alone
    const found = await verbs.client.runEvaluate(request);
    expect(found.map(({ tokensSpent }) => tokensSpent).toSorted()).toEqual([1024n, 512n]);
  });
});

const HALVED = demoLayers(Array.from({ length: 5 }, () => [2, 86] as const));

describe('Evaluate with latency and size', () => {
  it('times and weighs in one request, and times a label once', async () => {
    const request = {
      model: DEMO,
      measurement: { evaluator: { id: 'latency', options: { tokens: 16, repeats: 3, warm_up: 1 } } },
      furtherMeasurements: [{ evaluator: { id: 'size' } }],
      targets: [
        { target: { $case: 'dense' as const, value: {} } },
        { target: { $case: 'architecture' as const, value: { layers: HALVED } } },
      ],
      recipe: MAGNITUDE,
    };
    const found = await verbs.client.runEvaluate(request);
    expect(found.map(({ further }) => further[0]?.metrics['parameters'])).toEqual([
      260_032,
      countDemoParameters(HALVED),
    ]);
    for (const { metrics, measurement, items, tokensSpent, scoredTokens } of found) {
      expect(Object.keys(metrics).toSorted()).toEqual([
        'decode_ms',
        'decode_ms_spread',
        'prefill_ms',
        'prefill_ms_spread',
      ]);
      expect(metrics['decode_ms']).toBeGreaterThan(0);
      expect(metrics['prefill_ms']).toBeGreaterThan(0);
      expect(measurement?.machine).toMatch(/, \d+ threads$/);
      expect([items, tokensSpent, scoredTokens]).toEqual([3, 68n, 0n]);
    }
    const again = await verbs.client.runEvaluate(request);
    expect(again.map(({ metrics }) => metrics)).toEqual(found.map(({ metrics }) => metrics));
    expect(again.map(({ tokensSpent }) => tokensSpent)).toEqual([0n, 0n]);
  });

  it('refuses a prompt that the model has no room for, naming the field', async () => {
    const evaluator = { id: 'latency', options: { tokens: 512 } };
    const cases: [DeepPartial<EvaluateRequest>, string][] = [
      [{ measurement: { evaluator } }, 'measurement.evaluator.options.tokens'],
      [
        { measurement: { evaluator: { id: 'size' } }, furtherMeasurements: [{ evaluator }] },
        'further_measurements[0].evaluator.options.tokens',
      ],
    ];
    for (const [request, field] of cases)
      expect(await refusalOf(verbs, () => verbs.client.runEvaluate({ model: DEMO, ...request }))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        fields: [field],
        message: expect.stringContaining("the model's 512 positions") as string,
      });
  });

  it('refuses a prompt whose keys and values never fit the memory budget before there is a job', async () => {
    await using little = await startVerbServer({ config: { memoryBudgetBytes: 64 * 2 ** 20 } });
    const folder = little.path('models', 'long');
    await cp(DEMO_DIRECTORY, folder, { recursive: true });
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as object;
    await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, max_position_embeddings: 1_000_000 }));
    const time = (tokens: number) => () =>
      little.client.runEvaluate({
        model: folder,
        measurement: { evaluator: { id: 'latency', options: { tokens, repeats: 1, warm_up: 0 } } },
      });
    expect(await refusalOf(little, time(999_999))).toMatchObject({ reason: 'MEMORY_EXCEEDED' });
    const search = smallSearch({
      model: folder,
      output: '',
      furtherMeasurements: [{ evaluator: { id: 'latency', options: { tokens: 999_999, repeats: 1, warm_up: 0 } } }],
    });
    expect(await refusalOf(little, () => little.client.runSearch(search))).toMatchObject({ reason: 'MEMORY_EXCEEDED' });
    expect(await time(100)()).toHaveLength(1);
  });
});
