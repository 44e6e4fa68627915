import { BudgetKind } from '../../src/gen/prunecast/v1/common.js';
import { JobState } from '../../src/gen/prunecast/v1/job.js';
import { StudyOverview } from '../../src/gen/prunecast/v1/study.js';
import { StudyPhase, TextPart, TrialRole } from '../../src/gen/prunecast/v1/study_types.js';

const LAYERS = 30;

function layer(index: number, removed: number) {
  return {
    kvHeads: index % 4 === 0 ? 3 - removed : 3,
    queryHeadsPerKv: 3,
    ffnChannels: 1536 - 100 * removed * (index % 5),
  };
}

function architecture(removed: number) {
  return { layers: Array.from({ length: LAYERS }, (_, index) => layer(index, removed)) };
}

function row(name: string, parameters: number, perplexity: number, removed: number) {
  return {
    name,
    architecture: architecture(removed),
    parameters: BigInt(parameters),
    metrics: { perplexity, accuracy: 1 / perplexity },
    verifyMetrics: { perplexity: perplexity + 1 },
  };
}

/** Every kind of section and chart, with a name of a plug-in, model and control as the caller wants it. */
export function sampleOverview(name = 'uniform-best'): StudyOverview {
  const pairs = Array.from({ length: 60 }, (_, index) => 20 + 10 * Math.sin(index) ** 2 + index / 10);
  const labels = pairs.map((value, index) => ({
    number: index + 1,
    role: TrialRole.PAIR,
    part: TextPart.SEARCH,
    value,
    tokensSpent: BigInt(1000 * (index + 1)),
    withinBudgets: true,
    size: 1e8,
  }));
  const curveLabels = [0.5, 1, 2].flatMap((factor, index) =>
    [TrialRole.FINALIST, TrialRole.CONTROL].map((role) => ({
      number: 100 + 2 * index + (role === TrialRole.CONTROL ? 1 : 0),
      role,
      control: role === TrialRole.CONTROL ? 'uniform-paper' : '',
      part: TextPart.REPORT,
      value: (role === TrialRole.CONTROL ? 30 : 24) / factor,
      size: factor * 1e8,
    })),
  );
  return StudyOverview.fromPartial({
    study: {
      id: 'study-1',
      model: name,
      state: JobState.SUCCEEDED,
      checkpointDigest: 'c'.repeat(64),
      tokensSpent: 90_000n,
      recipeDigests: ['d'.repeat(64)],
      report: {
        studyId: 'study-1',
        summary: `the winner is 12.34 % better than ${name}.`,
        dense: row('dense', 134_515_008, 15, 0),
        winner: row('winner', 107_000_000, 22, 1),
        controls: [row(name, 107_100_000, 25, 1), row('random', 107_200_000, 24, 1)],
        bestControl: name,
        lifts: [
          { control: name, metric: 'perplexity', lift: 0.12, low: 0.08, high: 0.16 },
          { control: 'random', metric: 'perplexity', lift: 0.083 },
        ],
        fitQuality: { metric: 'perplexity', kendallTau: 0.8, r2: 0.7, heldOut: 18, split: 'holdout 7:3' },
        predictorScores: [{ backend: name, chosen: true, quality: { kendallTau: 0.8, split: '5-fold' } }],
        pairs: 60,
        predicted: 10_000n,
        verified: 12,
        tokensSpent: 90_000n,
        phases: [{ phase: StudyPhase.SAMPLE, tokens: 60_000n, elapsedSeconds: 61 }],
        recipes: [{ criterion: name, compensation: 'none', best: 23 }],
        curve: {
          finalists: { intercept: Math.log(24) + Math.log(1e8), slope: -1 },
          uniformPaper: { intercept: Math.log(30) + Math.log(1e8), slope: -1 },
          lift: 0.2,
        },
        front: {
          points: [1, 2, 3].map((place) => ({
            metrics: { perplexity: 20 + place },
            costs: [{ kind: BudgetKind.PARAMETERS, value: 1.1e8 - 1e6 * place, denseValue: 1.3e8 }],
            knee: place === 2,
          })),
          hypervolume: 0.2,
          controlHypervolume: 0.1,
          reference: [
            { objective: 'perplexity', value: 30 },
            { objective: 'parameters', value: 1.2e8 },
          ],
        },
      },
    },
    metric: 'perplexity',
    logScale: true,
    parts: [
      {
        part: TextPart.SEARCH,
        measurement: {
          fingerprint: 'f'.repeat(64),
          textDigest: 'e'.repeat(64),
          scorer: '{"id":"perplexity","options":{}}',
        },
        fidelity: { tokens: 4096n, windows: 8, digest: 'a'.repeat(64) },
      },
    ],
    labels: [...labels, ...curveLabels],
    bestSoFar: [
      { part: TextPart.SEARCH, tokensSpent: 1000n, value: 30, number: 1 },
      { part: TextPart.SEARCH, tokensSpent: 9000n, value: 24, number: 9 },
      { part: TextPart.VERIFY, tokensSpent: 70_000n, value: 23, number: 70 },
    ],
    predictedLabels: pairs.map((measured, index) => {
      const predicted = measured * (1 + 0.05 * Math.cos(index));
      return { measured, predicted, low: predicted / 1.08, high: predicted * 1.08 };
    }),
    importances: [
      { dimension: 'layers.3.kv_heads', importance: 0.04 },
      { dimension: 'layers.7.ffn_channels', importance: 0.02 },
      { dimension: name, importance: -0.01 },
    ],
    settings: [{ name: 'predictor', value: name }],
    commands: [`prunecast search --model '${name}' --remove 20%`],
    dense: architecture(0),
    sizeKind: BudgetKind.PARAMETERS,
  });
}
