import type { Architecture, ModelShape } from '../../core/model/shape.js';
import type {
  DataFile,
  EvaluationPlan,
  EvaluationRows,
  EvaluationText,
  HostedModel,
  ObservedArchitecture,
} from '../../core/ports/evaluator.js';
import { createRng, type Rng } from '../../core/random.js';

const LAYERS: Architecture = [
  { kvHeads: 2, queryHeadsPerKv: 2, ffnChannels: 24 },
  { kvHeads: 2, queryHeadsPerKv: 2, ffnChannels: 24 },
];

const SHAPE: ModelShape = {
  family: 'made-up',
  hidden: 16,
  headDim: 4,
  vocabulary: 256,
  tiedEmbeddings: true,
  biases: { queryKeyValue: false, attentionOutput: false, ffn: false },
  queryKeyNorms: false,
  layers: LAYERS,
};

/** Of two pruned models and the whole one. */
export const ARCHITECTURES: readonly Architecture[] = [
  LAYERS,
  LAYERS.map((layer) => ({ ...layer, ffnChannels: 10 })),
  [
    { kvHeads: 1, queryHeadsPerKv: 2, ffnChannels: 24 },
    { kvHeads: 0, queryHeadsPerKv: 0, ffnChannels: 7 },
  ],
];

/** A model whose tokens are bytes. */
export const HOST: HostedModel = { shape: SHAPE, maxPositions: 8192, machine: 'made-up with 1 thread' };

/** A text of words of five bytes, each byte a token. */
export function makeUpText(tokens: number): EvaluationText {
  const rng = createRng(41);
  return {
    tokens: Int32Array.from({ length: tokens }, () => 97 + rng.integer(26)),
    digest: `made-up-text-${tokens}`,
    tokenizerDigest: 'made-up-tokenizer',
    bosToken: 1,
    cover: {
      bytes: new Uint16Array(tokens).fill(1),
      words: Uint16Array.from({ length: tokens }, (_, index) => (index % 5 === 0 ? 1 : 0)),
    },
  };
}

export function makeUpRows(files: readonly DataFile[]): EvaluationRows {
  return {
    ...HOST,
    files,
    digest: 'made-up-rows',
    tokenizerDigest: 'made-up-tokenizer',
    bosToken: 1,
    tokenize: async (texts) => texts.map((text) => Int32Array.from(new TextEncoder().encode(text))),
  };
}

/** What a plan asks to be observed, made up; other numbers for another architecture. */
export function makeUpObservation(plan: EvaluationPlan, architecture: number): ObservedArchitecture {
  const rng = createRng(42).fork(String(architecture));
  const scored = plan.sequences.flatMap(({ spans }) => spans.map(({ from, to }) => to - from));
  const { continuation, divergences = false, timing } = plan.observe ?? {};
  return {
    shape: SHAPE,
    architecture: ARCHITECTURES[architecture] ?? LAYERS,
    losses: Float64Array.from(scored, (tokens) => tokens * (1 + 3 * rng.uniform())),
    hits: Int32Array.from(scored, (tokens) => rng.integer(tokens + 1)),
    ...(divergences && {
      divergences: Float64Array.from(scored, (tokens) => tokens * rng.uniform()),
      agreements: Int32Array.from(scored, (tokens) => rng.integer(tokens + 1)),
    }),
    ...(timing !== undefined && {
      timing: { prefillMs: drawTimes(rng, timing.repeats, 20), decodeMs: drawTimes(rng, timing.repeats, 2) },
    }),
    ...(continuation !== undefined && {
      continuations: plan.sequences.map(({ spans }) =>
        Int32Array.from({ length: spans.length === 0 ? rng.integer(continuation + 1) : 0 }, () => 65 + rng.integer(26)),
      ),
    }),
  };
}

function drawTimes(rng: Rng, repeats: number, about: number): Float64Array {
  return Float64Array.from({ length: repeats }, () => about * (1 + rng.uniform()));
}
