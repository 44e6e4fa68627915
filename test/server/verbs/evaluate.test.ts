import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Precision,
  type DeepPartial,
  type EvaluateRequest,
  type EvaluateTarget,
  type EvaluationResult,
  type JobProgress,
  type WindowProtocol,
} from '../../../src/client/index.js';
import { hasVnni } from '../../support/cpu.js';
import { architectureOfReference, CRITERIA, keptUnitsOf } from '../../support/criteria-reference.js';
import {
  CALIBRATION,
  countDemoParameters,
  DEMO,
  demoLayers,
  encodeUnits,
  MAGNITUDE,
  MODELS_ROOT,
  REFERENCE_TEXT,
  referenceWindows,
  refusalOf,
  startVerbServer,
  type VerbServer,
} from './verb-server.js';

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
});
afterAll(() => verbs[Symbol.asyncDispose]());

const perplexities = (results: readonly EvaluationResult[]): number[] =>
  results.map(({ metrics }) => metrics['perplexity'] ?? NaN);
const relativeError = (found: number | undefined, expected: number): number => Math.abs((found ?? NaN) / expected - 1);

/** Uniform, uneven and with dropped half-blocks. */
const SHAPES = [
  demoLayers([
    [3, 129],
    [3, 129],
    [3, 129],
    [3, 129],
    [3, 129],
  ]),
  demoLayers([
    [4, 172],
    [3, 100],
    [2, 80],
    [1, 7],
    [4, 1],
  ]),
  demoLayers([
    [4, 172],
    [0, 172],
    [4, 0],
    [2, 86],
    [4, 172],
  ]),
  demoLayers([
    [0, 0],
    [0, 0],
    [0, 0],
    [0, 0],
    [0, 0],
  ]),
  demoLayers([
    [4, 172],
    [4, 172],
    [4, 172],
    [4, 172],
    [4, 171],
  ]),
];
const targetsOf = (shapes: typeof SHAPES): DeepPartial<EvaluateTarget>[] =>
  shapes.map((layers) => ({ target: { $case: 'architecture', value: { layers } } }));

async function measureDense(
  source: { $case: 'path' | 'inline'; value: string },
  windows: DeepPartial<WindowProtocol>,
): Promise<EvaluationResult | undefined> {
  const [result] = await verbs.client.runEvaluate({
    model: DEMO,
    measurement: { text: { source }, windows },
    fidelity: { tokenLimit: 512n },
  });
  return result;
}

describe('Evaluate', () => {
  it('gives the perplexities that PyTorch gives of the same kept units, dropped half-blocks among them', async () => {
    expect(CRITERIA.pruned.map(({ name }) => name)).toContain('dropped-blocks');
    const found = await verbs.client.runEvaluate({
      model: DEMO,
      measurement: { text: REFERENCE_TEXT },
      targets: CRITERIA.pruned.map((reference) => ({
        target: { $case: 'keptUnits', value: encodeUnits(keptUnitsOf(reference)) },
      })),
    });
    expect(found.map(({ index }) => index)).toEqual(CRITERIA.pruned.map((_, index) => index));
    for (const [index, { perplexity }] of CRITERIA.pruned.entries())
      expect(relativeError(perplexities(found)[index], perplexity)).toBeLessThan(1e-3);
  });

  it.each(['wanda', 'fluctuation'])(
    'finds the units that PyTorch keeps by %s itself, given the same calibration',
    async (criterion) => {
      const cases = CRITERIA.pruned.filter((reference) => reference.criterion === criterion);
      const found = await verbs.client.runEvaluate({
        model: DEMO,
        recipe: { criterion: { id: criterion }, compensation: { id: 'none' }, calibration: CALIBRATION },
        measurement: { text: REFERENCE_TEXT },
        targets: targetsOf(cases.map((reference) => [...architectureOfReference(reference)])),
      });
      expect(found).toHaveLength(4);
      for (const [index, { perplexity }] of cases.entries())
        expect(relativeError(perplexities(found)[index], perplexity)).toBeLessThan(1e-3);
    },
  );

  it('measures many architectures at once to the same numbers as each alone, and says which is which', async () => {
    const request = { model: DEMO, recipe: MAGNITUDE, measurement: { text: referenceWindows(0, 4) } };
    const seen: number[] = [];
    const together = await verbs.client.runEvaluate(
      { ...request, targets: targetsOf(SHAPES) },
      {
        onEvent: ({ payload }) => {
          if (payload?.$case === 'evaluation') seen.push(payload.value.index);
        },
      },
    );
    expect(seen.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]);
    expect(together.map(({ architecture }) => architecture?.layers)).toEqual(SHAPES);
    expect(together.map(({ costs }) => costs[0]?.value)).toEqual(SHAPES.map(countDemoParameters));
    // Another server: this one knows the labels already.
    await using other = await startVerbServer();
    const alone = [];
    for (const target of targetsOf(SHAPES))
      alone.push(...(await other.client.runEvaluate({ ...request, targets: [target] })));
    expect(perplexities(alone)).toEqual(perplexities(together));
    expect(alone.every(({ tokensSpent }) => tokensSpent > 0n)).toBe(true);
  });

  it('takes the unpruned model in every form as one, and pays for a label once', async () => {
    const text = referenceWindows(4, 8);
    const forms: DeepPartial<EvaluateTarget>[] = [
      { target: { $case: 'dense', value: {} } },
      { target: { $case: 'uniformRate', value: 0 } },
      { target: { $case: 'dimensionRates', value: { rates: Array.from({ length: 10 }, () => 0) } } },
      ...targetsOf([
        demoLayers([
          [4, 172],
          [4, 172],
          [4, 172],
          [4, 172],
          [4, 172],
        ]),
      ]),
    ];
    const found = await verbs.client.runEvaluate({ model: DEMO, measurement: { text }, targets: forms });
    expect(new Set(perplexities(found)).size).toBe(1);
    expect(found.reduce((sum, { tokensSpent }) => sum + tokensSpent, 0n)).toBe(512n);
    const [again] = await verbs.client.runEvaluate({ model: DEMO, measurement: { text } });
    expect(again).toMatchObject({ tokensSpent: 0n, recipeDigest: '', scoredTokens: 508n, metrics: found[0]?.metrics });
  });

  it('reads the same text from a file and inline, and names what was measured', async () => {
    const stories = JSON.parse(await readFile(join(MODELS_ROOT, DEMO, 'stories.json'), 'utf8')) as string[];
    const fromFile = await measureDense({ $case: 'path', value: `${DEMO}/stories.json` }, { window: 64, bos: true });
    expect(fromFile).toMatchObject({
      fidelity: { tokens: 512n, windows: 8 },
      measurement: { window: 64, stride: 64, bos: true },
      scoredTokens: 8n * 63n,
      tokensSpent: 512n,
    });
    expect(fromFile?.measurement?.tokenizerDigest).toMatch(/^[0-9a-f]{64}$/);
    expect(await measureDense({ $case: 'inline', value: stories.join('\n\n') }, { window: 64, bos: true })).toEqual({
      ...fromFile,
      tokensSpent: 0n,
    });
    const other = await measureDense({ $case: 'path', value: `${DEMO}/stories.json` }, { window: 64 });
    expect(other?.measurement?.fingerprint).not.toBe(fromFile?.measurement?.fingerprint);
  });

  it.skipIf(!hasVnni)('measures in int8 near float32, as another label of the same measurement', async () => {
    const request = {
      model: DEMO,
      recipe: MAGNITUDE,
      measurement: { text: referenceWindows(8, 16) },
      targets: targetsOf(SHAPES.slice(0, 3)),
    };
    const exact = await verbs.client.runEvaluate(request);
    const rounded = await verbs.client.runEvaluate({ ...request, fidelity: { precision: Precision.INT8 } });
    for (const [index, result] of rounded.entries()) {
      expect(relativeError(perplexities(rounded)[index], perplexities(exact)[index] ?? NaN)).toBeLessThan(0.02);
      expect(result).toMatchObject({
        measurement: exact[index]?.measurement,
        fidelity: { precision: Precision.INT8, tokens: 1024n },
        tokensSpent: 1024n,
      });
      expect(result.fidelity?.digest).not.toBe(exact[index]?.fidelity?.digest);
    }
    expect(perplexities(rounded)).not.toEqual(perplexities(exact));
    expect((await verbs.client.services.catalog.getServerInfo({})).precisions).toEqual([
      Precision.FLOAT32,
      Precision.INT8,
    ]);
  });

  it('tells how many windows of all targets are known, until all are', async () => {
    const seen: JobProgress[] = [];
    const request: DeepPartial<EvaluateRequest> = {
      model: DEMO,
      measurement: { text: referenceWindows(20, 31) },
      targets: [0.15, 0.25, 0.35].map((rate) => ({ target: { $case: 'uniformRate', value: rate } })),
      recipe: MAGNITUDE,
    };
    for await (const { payload } of verbs.client.evaluate(request))
      if (payload?.$case === 'progress' && payload.value.activity === 'evaluating') seen.push(payload.value);
    const known = seen.map(({ itemsDone }) => itemsDone);
    expect(known.at(-1)).toBe(33n);
    expect(known).toEqual(known.toSorted((a, b) => Number(a - b)));
    expect(new Set(seen.map(({ itemsTotal }) => itemsTotal))).toEqual(new Set([33n]));
  });

  it('refuses a precision that has no name', async () => {
    const refusal = await refusalOf(verbs, () =>
      verbs.client.runEvaluate({
        model: DEMO,
        measurement: { text: REFERENCE_TEXT },
        fidelity: { precision: 7 as Precision },
      }),
    );
    expect(refusal).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_REQUEST',
      fields: ['fidelity.precision'],
    });
  });

  it('plans without a job', async () => {
    const before = await verbs.client.services.jobs.listJobs({});
    const plan = await verbs.client.planEvaluate({
      model: DEMO,
      recipe: MAGNITUDE,
      targets: targetsOf(SHAPES),
      measurement: { text: REFERENCE_TEXT },
      fidelity: { tokenLimit: 1000n },
    });
    expect(plan).toMatchObject({ trials: 5n, tokens: 5n * 896n }); // 7 whole windows of 128
    expect(plan.architectures.map(({ layers }) => layers)).toEqual(SHAPES);
    expect(plan.costs.map(({ value }) => value)).toEqual(SHAPES.map(countDemoParameters));
    expect(plan.peakMemoryBytes).toBeGreaterThan(0n);
    expect((await verbs.client.services.jobs.listJobs({})).jobs).toEqual(before.jobs);
  });
});
