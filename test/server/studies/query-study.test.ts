import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BudgetKind,
  JobState,
  type Budget,
  type DeepPartial,
  type QueryStudyRequest,
  type StudyReport,
} from '../../../src/client/index.js';
import {
  countDemoParameters,
  DEMO,
  demoLayers,
  listTrials,
  MAGNITUDE,
  referenceWindows,
  smallSearch,
  startVerbServer,
  type VerbServer,
} from '../verbs/verb-server.js';

const DENSE = countDemoParameters(
  demoLayers([
    [4, 172],
    [4, 172],
    [4, 172],
    [4, 172],
    [4, 172],
  ]),
);

let verbs: VerbServer;
let report: StudyReport;
beforeAll(async () => {
  verbs = await startVerbServer();
  report = await verbs.client.runSearch(smallSearch({ pairs: { count: 40, rungs: [{ tokenLimit: 256n }] } }));
});
afterAll(() => verbs[Symbol.asyncDispose]());

const removing = (value: number): DeepPartial<Budget>[] => [{ limit: { $case: 'removedShare', value } }];
const query = (request: DeepPartial<QueryStudyRequest>) =>
  verbs.client.services.studies.queryStudy({ studyId: report.studyId, ...request });

describe('QueryStudy', () => {
  it('answers another budget with what fits it, best predicted first, without running the model', async () => {
    const before = await listTrials(verbs.client, report.studyId);
    const { answers } = await query({ budgets: removing(0.3), count: 5 });
    expect(answers).toHaveLength(5);
    const predicted = answers.map(({ predictions }) => predictions[0]?.mean[0] ?? NaN);
    expect(predicted).toEqual(predicted.toSorted((a, b) => a - b));
    for (const { architecture, costs, metrics, predictions } of answers) {
      const parameters = countDemoParameters(architecture?.layers ?? []);
      expect(parameters).toBeLessThanOrEqual(Math.floor(0.7 * DENSE));
      expect(parameters).toBeGreaterThan(0.7 * DENSE * 0.99);
      expect(costs.find(({ kind }) => kind === BudgetKind.PARAMETERS)?.value).toBe(parameters);
      expect(metrics).toEqual({});
      const [{ mean = [], low = [], high = [] } = {}] = predictions;
      expect(low[0]).toBeLessThan(mean[0] ?? NaN);
      expect(high[0]).toBeGreaterThan(mean[0] ?? NaN);
    }
    expect(await listTrials(verbs.client, report.studyId)).toEqual(before);
  });

  it('answers as Predict does, and flags dimensions that the pairs do not reach', async () => {
    const { predictor } = await verbs.client.services.predictors.getPredictor({ predictorId: report.predictorId });
    const { answers } = await query({ budgets: removing(0.45) });
    const layers = answers[0]?.architecture?.layers ?? [];
    const rates = Float32Array.from(
      layers.flatMap(({ kvHeads, ffnChannels }) => [1 - kvHeads / 4, 1 - ffnChannels / 172]),
    );
    const { predictions, outOfRange } = await verbs.client.predict({
      predictorId: report.predictorId,
      encodings: { rates: Buffer.from(rates.buffer), dimensions: predictor?.dimensions.length ?? 0 },
    });
    expect(answers[0]?.predictions).toEqual(predictions);
    expect(answers[0]?.outOfRange).toEqual(outOfRange[0]?.dimensions ?? []);
    expect(answers[0]?.outOfRange.length).toBeGreaterThan(0);
  });

  it('gives the same answer to the same question', async () => {
    expect(await query({ count: 3 })).toEqual(await query({ count: 3 }));
  });

  it('verifies on the windows that the study verified on, under its recipe', async () => {
    const { answers } = await query({ budgets: removing(0.3), count: 2, verify: true });
    const results = await verbs.client.runEvaluate({
      model: DEMO,
      recipe: MAGNITUDE,
      targets: answers.map(({ architecture }) => ({ target: { $case: 'architecture', value: architecture ?? {} } })),
      // Of 32 windows the third quarter is for verification.
      measurement: { text: referenceWindows(16, 24) },
      fidelity: { tokenLimit: 256n },
    });
    expect(answers).toHaveLength(2);
    expect(answers.map(({ metrics }) => metrics)).toEqual(results.map(({ metrics }) => metrics));
  });

  it('verifies when no job runs, and answers at once what needs no model', async () => {
    const { jobs } = verbs.client.services;
    const search = verbs.client.search(
      smallSearch({ requestId: 'busy', pairs: { count: 2000, rungs: [{ tokenLimit: 4096n }] } }),
    );
    const { value: first } = await search.next();
    const jobId = first?.jobId ?? '';
    let state = 'waits';
    const verified = query({ budgets: removing(0.35), verify: true }).then(({ answers }) => {
      state = 'verified';
      return answers;
    });
    await expect(
      verbs.client.services.studies.queryStudy(
        { studyId: report.studyId, budgets: removing(0.4), verify: true },
        { timeoutMs: 1000 },
      ),
    ).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect((await query({ budgets: removing(0.35) })).answers).toHaveLength(1);
    expect([state, (await jobs.getJob({ jobId })).job?.state]).toEqual(['waits', JobState.RUNNING]);
    await jobs.cancelJob({ jobId });
    expect((await verified)[0]?.metrics['perplexity']).toBeGreaterThan(1);
  });

  it('refuses a budget that nothing meets, an unknown study and one that has no predictor yet', async () => {
    const { queryStudy } = verbs.client.services.studies;
    await expect(queryStudy({ studyId: report.studyId, budgets: removing(0.99) })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'BUDGET_INFEASIBLE',
    });
    await expect(queryStudy({ studyId: 'study-0' })).rejects.toMatchObject({ reason: 'STUDY_NOT_FOUND' });
    await expect(queryStudy({ studyId: report.studyId, objectives: [{ metric: 'beauty' }] })).rejects.toMatchObject({
      violations: [{ field: 'objectives[0].metric' }],
    });
    const { studyId } = await verbs.client.runSamplePairs({ search: smallSearch() });
    await expect(queryStudy({ studyId })).rejects.toMatchObject({ reason: 'PREDICTOR_NOT_FOUND' });
    await verbs.client.runFitPredictor({ source: { $case: 'studyId', value: studyId }, predictor: { id: 'ridge' } });
    expect((await queryStudy({ studyId })).answers).toHaveLength(1);
  });
});
