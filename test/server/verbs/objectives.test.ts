import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Control,
  Preset,
  BudgetKind,
  type DeepPartial,
  type FrontPoint,
  type Objective,
  type QueryAnswer,
  type QueryStudyRequest,
  type SearchRequest,
  type StudyReport,
} from '../../../src/client/index.js';
import {
  countDemoParameters,
  listTrials,
  refusalOf,
  smallSearch,
  startVerbServer,
  type VerbServer,
} from './verb-server.js';

const LIMIT = 208_025; // 20 % fewer of 260,032, rounded down

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer({
    config: { plugins: [resolve(import.meta.dirname, '../../fixtures/negative-metric.mjs')] },
  });
});
afterAll(() => verbs[Symbol.asyncDispose]());

const search = (
  objectives: DeepPartial<Objective>[],
  changes: DeepPartial<SearchRequest> = {},
): DeepPartial<SearchRequest> =>
  smallSearch({
    objectives,
    controls: [Control.UNIFORM_PAPER, Control.UNIFORM_BEST],
    pairs: { count: 40, rungs: [{ tokenLimit: 256n }] },
    ...changes,
  });
const fieldsOf = async (request: DeepPartial<SearchRequest>): Promise<string[]> =>
  (await refusalOf(verbs, () => verbs.client.runSearch(request))).fields;
const sizeOf = ({ costs }: Pick<FrontPoint, 'costs'>): number =>
  costs.find(({ kind }) => kind === BudgetKind.PARAMETERS)?.value ?? NaN;
const perplexityOf = ({ metrics }: Pick<FrontPoint, 'metrics'>): number => metrics['perplexity'] ?? NaN;
const valueOf = (metrics: Readonly<Record<string, number>> = {}): number => metrics['log_likelihood'] ?? NaN;
const predictionOf = (answer?: QueryAnswer): number => answer?.predictions[0]?.mean[0] ?? NaN;
const queryFirst = async (
  { studyId }: StudyReport,
  objectives: DeepPartial<Objective>[],
): Promise<QueryAnswer | undefined> =>
  (await verbs.client.services.studies.queryStudy({ studyId, objectives })).answers[0];

describe('Search for perplexity and size', () => {
  let report: StudyReport;
  beforeAll(async () => {
    report = await verbs.client.runSearch(
      search([{ metric: 'perplexity' }, { metric: 'parameters' }], {
        verify: { count: 8, rungs: [{ tokenLimit: 256n }] },
      }),
    );
  });
  const query = async (request: DeepPartial<QueryStudyRequest>): Promise<QueryAnswer[]> =>
    (await verbs.client.services.studies.queryStudy({ studyId: report.studyId, ...request })).answers;

  const sum = (weight: number) =>
    query({
      objectives: [
        { metric: 'perplexity', weight: 1 },
        { metric: 'parameters', weight },
      ],
    });

  it('reports the front of its finalists: each smaller than the one before and worse, all within the budget', () => {
    const points = report.front?.points ?? [];
    expect(points.length).toBeGreaterThan(2);
    const sizes = points.map(sizeOf);
    expect(sizes).toEqual(points.map(({ architecture }) => countDemoParameters(architecture?.layers ?? [])));
    expect(points.map(perplexityOf)).toEqual(points.map(perplexityOf).toSorted((a, b) => a - b));
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(LIMIT);
    expect(Math.min(...sizes)).toBeLessThan(0.9 * LIMIT);
  });

  it('marks one knee, the winner, and states hypervolumes with the point they are measured up to', () => {
    const knees = (report.front?.points ?? []).filter(({ knee }) => knee);
    expect(knees.map(({ architecture }) => architecture)).toEqual([report.winner?.architecture]);
    expect(report.front?.hypervolume).toBeGreaterThan(report.front?.controlHypervolume ?? NaN);
    const [perplexity, parameters] = report.front?.reference ?? [];
    expect([perplexity?.objective, parameters?.objective]).toEqual(['perplexity', 'parameters']);
    expect(perplexity?.value).toBeGreaterThanOrEqual(
      Math.max(...(report.front?.points ?? []).map(perplexityOf)) * (1 - 1e-9),
    );
  });

  it('compares the winner with controls of its own size', () => {
    expect(report.controls.map(({ name }) => name)).toEqual(['uniform-paper', 'uniform-best']);
    for (const { parameters } of report.controls)
      expect(parameters).toBeLessThanOrEqual(report.winner?.parameters ?? 0n);
  });

  it('answers a weighted sum with what its weights ask for', async () => {
    const [careful] = await sum(0.1);
    const [greedy] = await sum(10);
    expect(sizeOf(greedy ?? { costs: [] })).toBeLessThan(sizeOf(careful ?? { costs: [] }));
    expect(greedy?.predictions[0]?.mean[0]).toBeGreaterThan(careful?.predictions[0]?.mean[0] ?? NaN);
  });

  it('answers the smallest model whose perplexity is predicted to stay below a limit', async () => {
    const [loose] = await query({ objectives: [{ metric: 'parameters' }, { metric: 'perplexity', weight: 1e-6 }] });
    const limit =
      0.5 * ((loose?.predictions[0]?.mean[0] ?? NaN) + (report.front?.points[0]?.metrics['perplexity'] ?? NaN));
    const [held] = await query({
      objectives: [
        { metric: 'parameters', weight: 1 },
        { metric: 'perplexity', weight: 1e-6 },
        { metric: 'perplexity', limit },
      ],
      count: 1,
    });
    expect(held?.predictions[0]?.mean[0]).toBeLessThanOrEqual(limit);
    expect(sizeOf(held ?? { costs: [] })).toBeLessThan(LIMIT);
  });

  it('answers a metric that it did not search for from a predictor fitted later, verified on request', async () => {
    await expect(query({ objectives: [{ metric: 'accuracy' }] })).rejects.toMatchObject({
      reason: 'PREDICTOR_NOT_FOUND',
    });
    await verbs.client.runFitPredictor({
      source: { $case: 'studyId', value: report.studyId },
      metrics: ['accuracy'],
      predictor: { id: 'ridge' },
    });
    const answers = await query({ objectives: [{ metric: 'accuracy' }], count: 3, verify: true });
    const predicted = answers.map(({ predictions }) => predictions[0]?.mean[0] ?? NaN);
    expect(predicted).toEqual(predicted.toSorted((a, b) => b - a));
    for (const { metrics } of answers) expect(metrics['accuracy']).toBeGreaterThan(0.1);
    const front = await query({ objectives: [{ metric: 'accuracy' }, { metric: 'parameters' }], count: 4 });
    expect(front).toHaveLength(4);
    expect(front.every(({ predictions }) => predictions.map(({ metric }) => metric).join() === 'accuracy')).toBe(true);
  });
});

describe('Search for accuracy', () => {
  it('chooses the winner by it, and has an interval for its lift', async () => {
    const report = await verbs.client.runSearch(search([{ metric: 'accuracy' }]));
    const finalists = (await listTrials(verbs.client, report.studyId)).filter(
      ({ control, predicted }) => control === '' && predicted !== undefined,
    );
    expect(report.winner?.verifyMetrics['accuracy']).toBe(
      Math.max(...finalists.map(({ metrics }) => metrics['accuracy'] ?? NaN)),
    );
    expect(report.fitQuality?.metric).toBe('accuracy');
    const [lift] = report.lifts;
    expect(lift?.metric).toBe('accuracy');
    expect(lift?.low).toBeLessThan(lift?.lift ?? NaN);
    expect(lift?.high).toBeGreaterThan(lift?.lift ?? NaN);
    const control = report.controls.find(({ name }) => name === lift?.control);
    expect(lift?.lift).toBeCloseTo(
      (report.winner?.metrics['accuracy'] ?? NaN) / (control?.metrics['accuracy'] ?? NaN) - 1,
      9,
    );
  });
});

describe('Search for a metric that is always below 0', () => {
  const evaluator = { id: 'log-likelihood' };
  let report: StudyReport;
  beforeAll(async () => {
    report = await verbs.client.runSearch(search([], { evaluator }));
  });

  it('chooses the finalist that has most of it, and predicts it below 0', async () => {
    const finalists = (await listTrials(verbs.client, report.studyId)).filter(
      ({ control, predicted }) => control === '' && predicted !== undefined,
    );
    const measured = finalists.map(({ metrics }) => valueOf(metrics));
    expect(new Set(measured).size).toBeGreaterThan(1);
    expect(Math.max(...measured)).toBeLessThan(0);
    expect(valueOf(report.winner?.verifyMetrics)).toBe(Math.max(...measured));
    expect(Math.max(...finalists.map(({ predicted = NaN }) => predicted))).toBeLessThan(0);
  });

  it('states the lift as a share of the size of what a control has', () => {
    for (const { control, lift, low = NaN, high = NaN } of report.lifts) {
      const other = valueOf(report.controls.find(({ name }) => name === control)?.metrics);
      expect(lift).toBeCloseTo((valueOf(report.winner?.metrics) - other) / -other, 9);
      expect(low).toBeLessThanOrEqual(lift);
      expect(high).toBeGreaterThanOrEqual(lift);
    }
    expect(report.lifts.length).toBeGreaterThan(0);
  });

  it('takes limits below 0, and weights', async () => {
    const sizes = [
      { metric: 'parameters', weight: 1 },
      { metric: 'log_likelihood', weight: 1e-6 },
    ];
    const [best, free] = [await queryFirst(report, [{ metric: 'log_likelihood' }]), await queryFirst(report, sizes)];
    const limit = (predictionOf(best) + predictionOf(free)) / 2;
    expect(limit).toBeLessThan(0);
    const held = await queryFirst(report, [...sizes, { metric: 'log_likelihood', limit }]);
    expect(predictionOf(held)).toBeGreaterThanOrEqual(limit);
    expect(predictionOf(free)).toBeLessThan(limit);
    expect(sizeOf(free ?? { costs: [] })).toBeLessThan(sizeOf(held ?? { costs: [] }));
  });

  it('reports a front of it and the size, whose worst value is below 0', async () => {
    const { front } = await verbs.client.runSearch(
      search([{ metric: 'log_likelihood' }, { metric: 'parameters' }], { evaluator }),
    );
    const values = (front?.points ?? []).map(({ metrics }) => valueOf(metrics));
    expect(values).toEqual(values.toSorted((a, b) => b - a));
    expect(front?.reference[0]?.value).toBeLessThanOrEqual(Math.min(...values) + 1e-9);
    expect(front?.reference[0]?.value).toBeGreaterThan(-20);
  });
});

describe('Search under a limit', () => {
  it('refuses one of 0 or below for a metric that is always above, naming the field', async () => {
    expect(await fieldsOf(search([{ metric: 'perplexity', limit: -1 }]))).toEqual(['objectives[0].limit']);
  });

  it('reports a winner that meets it as measured, and fits a predictor to both metrics', async () => {
    const free = await verbs.client.runSearch(search([{ metric: 'perplexity' }]));
    const limit = (free.winner?.verifyMetrics['accuracy'] ?? NaN) * 0.98;
    const report = await verbs.client.runSearch(search([{ metric: 'perplexity' }, { metric: 'accuracy', limit }]));
    expect(report.winner?.verifyMetrics['accuracy']).toBeGreaterThanOrEqual(limit);
    const { study } = await verbs.client.services.studies.getStudy({ studyId: report.studyId });
    const metrics = await Promise.all(
      (study?.predictorIds ?? []).map(async (predictorId) =>
        (await verbs.client.services.predictors.getPredictor({ predictorId })).predictor?.metrics.join(),
      ),
    );
    expect(new Set(metrics)).toEqual(new Set(['perplexity', 'accuracy']));
  });
});

describe('refusals', () => {
  it('name the field: a strategy for one objective, controls that cannot be made as small, and the paper as a front', async () => {
    const front = [{ metric: 'perplexity' }, { metric: 'parameters' }];
    expect(await fieldsOf(search(front, { strategy: { id: 'bayesian' } }))).toEqual(['strategy.id']);
    expect(await fieldsOf(search(front, { controls: [Control.RANDOM] }))).toEqual(['controls[0]']);
    expect(await fieldsOf(search([{ metric: 'parameters' }]))).toEqual(['objectives']);
    const { model = '', texts = {}, budgets = [] } = search(front);
    expect(await fieldsOf({ model, texts, budgets, objectives: front, preset: Preset.PAPER })).toEqual(['objectives']);
  });
});
