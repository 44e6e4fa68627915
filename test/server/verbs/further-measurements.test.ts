import { mkdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeepPartial, EvaluateRequest, MeasurementSpec, SearchRequest } from '../../../src/client/index.js';
import {
  DEMO,
  MAGNITUDE,
  REFERENCE_TEXT,
  referenceWindows,
  smallSearch,
  startVerbServer,
  type VerbServer,
} from './verb-server.js';

const row = (gold: number): string =>
  JSON.stringify({ query: 'Once upon a time there was a little', choices: ['girl', 'tax return'], gold });

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
  await mkdir(verbs.path('texts'), { recursive: true });
  await writeFile(verbs.path('texts', 'questions.jsonl'), [0, 1, 0, 0].map((gold) => `${row(gold)}\n`).join(''));
});
afterAll(() => verbs[Symbol.asyncDispose]());

const QUESTIONS: DeepPartial<MeasurementSpec> = {
  evaluator: { id: 'multiple-choice' },
  text: { source: { $case: 'path', value: 'questions.jsonl' } },
};

function requestOf(
  measurement: DeepPartial<MeasurementSpec>,
  further: DeepPartial<MeasurementSpec>[] = [],
): DeepPartial<EvaluateRequest> {
  return {
    model: DEMO,
    recipe: MAGNITUDE,
    targets: [{ target: { $case: 'dense', value: {} } }, { target: { $case: 'uniformRate', value: 0.3 } }],
    measurement,
    furtherMeasurements: further,
  };
}

const evaluate = (...parts: Parameters<typeof requestOf>) => verbs.client.runEvaluate(requestOf(...parts));

describe('several measurements of one Evaluate', () => {
  it('give what each gives alone, under fingerprints of their own, and are not paid again', async () => {
    const first = { text: referenceWindows(0, 8) };
    const other = { name: 'other', text: referenceWindows(8, 12) };
    const together = await evaluate(first, [other, QUESTIONS]);
    const [alone, otherAlone, questionsAlone] = [
      await evaluate(first),
      await evaluate({ text: other.text }),
      await evaluate(QUESTIONS),
    ];
    for (const [index, result] of together.entries()) {
      expect(result.metrics).toEqual(alone[index]?.metrics);
      expect(result.further.map(({ name }) => name)).toEqual(['other', 'multiple_choice']);
      expect(result.further.map(({ metrics }) => metrics)).toEqual([
        otherAlone[index]?.metrics,
        questionsAlone[index]?.metrics,
      ]);
      expect(result.further.map(({ measurement }) => measurement?.fingerprint)).toEqual([
        otherAlone[index]?.measurement?.fingerprint,
        questionsAlone[index]?.measurement?.fingerprint,
      ]);
      expect(new Set([result, ...result.further].map(({ measurement }) => measurement?.fingerprint)).size).toBe(3);
      expect(result.tokensSpent).toBeGreaterThan(12n * 128n);
    }
    expect([alone, otherAlone, questionsAlone].flat().map(({ tokensSpent }) => tokensSpent)).toEqual(
      Array.from({ length: 6 }, () => 0n),
    );
  });

  it('that run the same sequences run them once', async () => {
    const text = referenceWindows(12, 15);
    const results = await evaluate({ text }, [{ name: 'again', text }]);
    for (const { tokensSpent, metrics, further } of results) {
      expect(tokensSpent).toBe(3n * 128n);
      expect(further[0]?.metrics).toEqual(metrics);
    }
    const other = referenceWindows(16, 19);
    const planned = await verbs.client.planEvaluate(requestOf({ text: other }, [{ name: 'again', text: other }]));
    expect(planned.tokens).toBe(2n * 3n * 128n);
  });

  it('have the standard error of each mean', async () => {
    const [dense] = await evaluate(QUESTIONS);
    const accuracy = dense?.metrics['accuracy'] ?? NaN;
    // Of four answers, p right: sqrt(p (1 - p) / 3).
    expect(dense?.standardErrors['accuracy']).toBeCloseTo(Math.sqrt((accuracy * (1 - accuracy)) / 3), 12);
    expect(dense?.items).toBe(4);
  });

  it.each<[string, DeepPartial<MeasurementSpec>, DeepPartial<MeasurementSpec>[], string, RegExp]>([
    [
      'two of one name',
      { text: REFERENCE_TEXT },
      [QUESTIONS, QUESTIONS],
      'further_measurements[1].name',
      /is "multiple_choice", as of one before it/,
    ],
    [
      'a name that no metric could have',
      { text: REFERENCE_TEXT },
      [{ ...QUESTIONS, name: 'The Questions' }],
      'further_measurements[0].name',
      /snake_case/,
    ],
    ['a name of the first', { text: REFERENCE_TEXT, name: 'first' }, [], 'measurement.name', /only further/],
    [
      'windows for questions',
      { ...QUESTIONS, windows: { window: 64 } },
      [],
      'measurement.windows.window',
      /does not cut into windows/,
    ],
  ])('refuses %s by its field', async (_, measurement, further, field, message) => {
    await expect(evaluate(measurement, further)).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [expect.objectContaining({ field })],
      message: expect.stringMatching(message) as string,
    });
  });
});

const search = (changes: DeepPartial<SearchRequest>): DeepPartial<SearchRequest> =>
  smallSearch({
    output: '',
    furtherMeasurements: [
      {
        name: 'stories',
        evaluator: { id: 'perplexity' },
        texts: { text: { source: { $case: 'path', value: `${DEMO}/stories.json` } } },
        search: { tokenLimit: 512n },
      },
    ],
    ...changes,
  });

describe('a Search with a further measurement', () => {
  it('measures it of every trial, and takes its metrics as objectives and limits', async () => {
    const report = await verbs.client.runSearch(
      search({
        objectives: [
          { metric: 'perplexity', weight: 1 },
          { metric: 'stories.accuracy', limit: 0.1 },
        ],
      }),
    );
    for (const row of [report.dense, report.winner, ...report.controls]) {
      expect(row?.metrics['stories.perplexity']).toBeGreaterThan(1);
      expect(row?.metrics['stories.accuracy']).toBeGreaterThan(0.1);
    }
    const { trials } = await verbs.client.services.studies.listTrials({ studyId: report.studyId });
    expect(trials.length).toBeGreaterThan(10);
    for (const { metrics } of trials) expect(Object.keys(metrics)).toContain('stories.perplexity');
  });

  it('may search for a metric of it, with an interval of its lift', async () => {
    const report = await verbs.client.runSearch(search({ objectives: [{ metric: 'stories.perplexity' }] }));
    expect(report.lifts.map(({ metric }) => metric)).toContain('stories.perplexity');
    expect(report.lifts.some(({ low }) => low !== undefined)).toBe(true);
    // Fitted on logarithms, predicted in its own unit.
    const { answers } = await verbs.client.services.studies.queryStudy({ studyId: report.studyId, count: 1 });
    const [prediction] = answers[0]?.predictions ?? [];
    expect(prediction).toMatchObject({ metric: 'stories.perplexity', mean: [expect.any(Number)] });
    for (const perplexity of [prediction?.mean[0], report.winner?.metrics['stories.perplexity']])
      expect(perplexity).toBeGreaterThan(9); // logarithms of this model's are below 9, up to perplexities of 8,000
  });

  it('answers queries that are verified in all measurements, unless one would read something else by now', async () => {
    const path = 'asked.jsonl';
    const rows = Array.from({ length: 16 }, (_, index) => `${row(index % 2)}\n`);
    await writeFile(verbs.path('texts', path), rows.join(''));
    const { studyId } = await verbs.client.runSearch(
      smallSearch({
        output: '',
        furtherMeasurements: [
          { evaluator: { id: 'multiple-choice' }, texts: { text: { source: { $case: 'path', value: path } } } },
        ],
      }),
    );
    const ask = () =>
      verbs.client.services.studies.queryStudy({
        studyId,
        budgets: [{ limit: { $case: 'removedShare', value: 0.15 } }],
        count: 2,
        verify: true,
      });
    for (const { metrics } of (await ask()).answers) {
      expect(metrics['perplexity']).toBeGreaterThan(1);
      expect([0, 0.25, 0.5, 0.75, 1]).toContain(metrics['multiple_choice.accuracy']); // of a quarter of 16 questions
    }
    await writeFile(verbs.path('texts', path), rows.toReversed().join(''));
    await expect(ask()).rejects.toMatchObject({
      reason: 'STUDY_CHANGED',
      metadata: { study_id: studyId, field: 'further[0].measurement.textDigest' },
    });
  });

  it('refuses a metric that no measurement has, with those that there are', async () => {
    await expect(
      verbs.client.runSearch(search({ objectives: [{ metric: 'stories.perplexty' }] })),
    ).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      message: expect.stringMatching(/stories\.perplexity/) as string,
    });
  });
});

describe('pairs with a further measurement', () => {
  it('have its metrics, and predictors of them are fitted on these pairs, each on its own scale', async () => {
    const { studyId } = await verbs.client.runSamplePairs({ search: search({}) });
    const metrics = ['stories.perplexity', 'stories.accuracy'];
    const { id, ...fitted } = await verbs.client.runFitPredictor({
      source: { $case: 'studyId', value: studyId },
      metrics,
      predictor: { id: 'ridge' },
    });
    expect(fitted.metrics).toEqual(metrics);
    // Far from the pairs a line would fall below 0: only a perplexity is fitted on its logarithm.
    const ones = Float32Array.from(fitted.dimensions, () => 1);
    const predictions = [];
    for (const rates of [ones, ones.map(() => 0)])
      predictions.push(
        ...(
          await verbs.client.services.pruning.predict({
            predictorId: id,
            encodings: { rates: Buffer.from(rates.buffer), dimensions: rates.length },
          })
        ).predictions,
      );
    const found = predictions.filter(({ metric }) => metric === 'stories.perplexity').flatMap(({ mean }) => mean);
    expect(found).toHaveLength(2);
    for (const mean of found) expect(mean).toBeGreaterThan(0);
  });
});
