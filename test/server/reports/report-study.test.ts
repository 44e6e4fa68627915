import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Control, ReportFormat, TextPart, TrialRole, type StudyReport } from '../../../src/client/index.js';
import type { GetStudyReportResponse } from '../../../src/client/index.js';
import { listTrials, smallSearch, startVerbServer, type VerbServer } from '../verbs/verb-server.js';

/** 20 % fewer than the 260,032 parameters of the demo model. */
const LIMIT = 208_025;

let verbs: VerbServer;
let found: StudyReport;
let answer: GetStudyReportResponse;

const steps = (part: TextPart) => (answer.overview?.bestSoFar ?? []).filter((step) => step.part === part);

const getReport = (studyId: string, format: ReportFormat = ReportFormat.UNSPECIFIED) =>
  verbs.client.services.studies.getStudyReport({ studyId, format });

describe('GetStudyReport', () => {
  beforeAll(async () => {
    verbs = await startVerbServer();
    found = await verbs.client.runSearch(smallSearch({ controls: [Control.UNIFORM_PAPER] }));
    answer = await getReport(found.studyId);
  });
  afterAll(() => verbs[Symbol.asyncDispose]());

  it('has the study with its outcome, and every label in the order of the trials', async () => {
    const { overview, document } = answer;
    const trials = await listTrials(verbs.client, found.studyId);
    expect(document).toBe('');
    expect(overview?.study?.report).toEqual(found);
    expect(overview?.metric).toBe('perplexity');
    expect(overview?.labels.map(({ number, role, value, parameters }) => [number, role, value, parameters])).toEqual(
      trials.map(({ number, role, metrics, parameters }) => [number, role, metrics['perplexity'], parameters]),
    );
    expect(overview?.labels.at(-1)?.tokensSpent).toBe(found.tokensSpent);
    expect(overview?.labels.map(({ withinBudgets }) => withinBudgets)).toEqual(
      trials.map(({ parameters }) => Number(parameters) <= LIMIT),
    );
    expect(overview?.labels.map(({ size }) => size)).toEqual(trials.map(({ parameters }) => Number(parameters)));
  });

  it('tells when the best within the budget changed, on each text for itself, up to the winner', async () => {
    const trials = await listTrials(verbs.client, found.studyId);
    const bestOf = (part: TextPart, roles: readonly TrialRole[]) =>
      Math.min(
        ...trials
          .filter((trial) => trial.part === part && roles.includes(trial.role) && Number(trial.parameters) <= LIMIT)
          .map(({ metrics }) => metrics['perplexity'] ?? Infinity),
      );
    for (const part of [TextPart.SEARCH, TextPart.VERIFY]) {
      const values = steps(part).map(({ value }) => value);
      expect(values).toEqual(values.toSorted((a, b) => b - a));
      expect(new Set(values).size).toBe(values.length);
    }
    expect(steps(TextPart.SEARCH).at(-1)?.value).toBe(bestOf(TextPart.SEARCH, [TrialRole.PAIR]));
    expect(steps(TextPart.VERIFY).at(-1)?.value).toBe(bestOf(TextPart.VERIFY, [TrialRole.FINALIST]));
    expect(steps(TextPart.VERIFY).at(-1)?.value).toBe(found.winner?.verifyMetrics['perplexity']);
  });

  it('sets the label of each pair beside a prediction that did not know it, most of them within the interval', async () => {
    const pairs = (await listTrials(verbs.client, found.studyId)).filter(({ role }) => role === TrialRole.PAIR);
    const labels = answer.overview?.predictedLabels ?? [];
    expect(labels).toHaveLength(pairs.length);
    const measured = labels.map((label) => label.measured).toSorted((a, b) => a - b);
    pairs
      .map(({ metrics }) => metrics['perplexity'] ?? NaN)
      .toSorted((a, b) => a - b)
      .forEach((value, place) => expect(measured[place]).toBeCloseTo(value, 9));
    const inside = labels.filter(({ measured: value, low = NaN, high = NaN }) => low <= value && value <= high);
    expect(inside.length / labels.length).toBeGreaterThanOrEqual(0.9);
    // A fit that had seen them would be exact for some, and the interval is as wide for all on the scale of the fit.
    expect(labels.every(({ measured: value, predicted }) => value !== predicted)).toBe(true);
    const widths = labels.map(({ low = NaN, high = NaN }) => Math.log(high / low));
    expect(Math.max(...widths)).toBeCloseTo(Math.min(...widths), 9);
  });

  it('has the importances that ExplainPredictor answers, the largest first', async () => {
    const { dimensions } = await verbs.client.services.predictors.explainPredictor({ predictorId: found.predictorId });
    expect(answer.overview?.importances).toEqual(
      dimensions
        .map(({ dimension, permutationImportance }) => ({ dimension, importance: permutationImportance }))
        .toSorted((a, b) => b.importance - a.importance),
    );
  });

  it('says what was measured on what, by the fingerprints of the trials', async () => {
    const trials = await listTrials(verbs.client, found.studyId);
    const measured = new Set(
      trials.map(
        ({ part, measurementFingerprint, fidelityDigest }) => `${part} ${measurementFingerprint} ${fidelityDigest}`,
      ),
    );
    expect(
      new Set(
        answer.overview?.parts.map(
          ({ part, measurement, fidelity }) => `${part} ${measurement?.fingerprint} ${fidelity?.digest}`,
        ),
      ),
    ).toEqual(measured);
  });

  it('writes a page and Markdown with the same answer', async () => {
    const [page, markdown] = await Promise.all(
      [ReportFormat.HTML, ReportFormat.MARKDOWN].map((format) => getReport(found.studyId, format)),
    );
    expect(page?.document).toMatch(/^<!doctype html>/);
    expect(markdown?.document).toMatch(/^# Pruning stories260k/);
    expect(markdown?.document).toContain(`perplexity of ${found.summary.match(/perplexity of ([\d.]+)/)?.[1]}`);
    expect(page?.overview).toEqual(answer.overview);
  });

  it('names the command that asks for the same again, and files for texts that were sent along', () => {
    const [comment, search, ...more] = answer.overview?.commands ?? [];
    expect(more).toEqual([]);
    expect(comment).toBe('# text.txt: the token ids that were sent with the request; send them again in its place');
    expect(search?.split(' \\\n  ')).toEqual([
      'prunecast search',
      '--model stories260k',
      '--text text.txt',
      '--remove 20%',
      '--criterion magnitude',
      '--compensation none',
      '--protect none',
      '--pairs 24',
      '--pair-tokens 256',
      '--candidates 300',
      '--verify 3',
      '--verify-tokens 256',
      '--rounds 1',
      '--controls uniform-paper',
      '--seed 3',
      '--predictor ridge',
      '--strategy random',
      '--report reproduced.html',
    ]);
  });

  it('tells a request that no flags can say as a call', async () => {
    const { jobId } = await verbs.client.services.pairs
      .samplePairs({ search: smallSearch({ pairs: { count: 10, rungs: [{ tokenLimit: 256n }] } }) })
      .then(({ job }) => ({ jobId: job?.id ?? '' }));
    for await (const event of verbs.client.followJob(jobId)) void event;
    const { job } = await verbs.client.services.jobs.getJob({ jobId });
    const { overview } = await getReport(job?.studyId ?? '');
    expect(overview?.study?.report).toBeUndefined();
    expect(overview?.labels.filter(({ role }) => role === TrialRole.PAIR)).toHaveLength(10);
    const call = overview?.commands.find((line) => line.startsWith('prunecast call PairService.SamplePairs'));
    const [, json = ''] = /--request '@(.*)'$/s.exec(call ?? '') ?? [];
    expect(JSON.parse(json)).toMatchObject({ search: { model: 'stories260k', pairs: { count: 10 } } });
    expect(overview?.commands.join('\n')).not.toContain(job?.studyId);
    const { document } = await getReport(job?.studyId ?? '', ReportFormat.MARKDOWN);
    expect(document).toContain('it looked for no winner');
  });

  it('refuses an unknown study', async () => {
    await expect(getReport('study-0')).rejects.toMatchObject({ reason: 'STUDY_NOT_FOUND' });
  });
});
