import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Precision } from '../../core/measurement.js';
import { countAttentionParameters, countFfnParameters, countParameters } from '../../core/model/parameters.js';
import type { Architecture, ModelShape } from '../../core/model/shape.js';
import type { ObservationRequest } from '../../core/ports/evaluator.js';
import type { CalibrationNeed } from '../calibration/calibration.js';
import { countHeadRows } from '../forward/score-spans.js';
import { measureRuns, type RunBatch } from '../../core/run-batches.js';
import { TOKENS_PER_RUN } from '../../core/sequence-batches.js';
import { countScoresPerToken } from '../graph/causal-attention.js';
import { countLeastCopies } from '../gradients/plan-segments.js';
import { countFactors, countMomentBytes } from '../recovery/count-moments.js';
import { splitVocabulary } from '../weights/head-reader.js';
import type { Residence } from '../weights/token-tables.js';

/** What a call on a model is about to do, as far as its memory depends on it. */
export interface Workload {
  /** Tokens of the longest window or sequence. */
  readonly longest: number;
  /** Tokens of the largest batch of an evaluation (`measureRuns`); by default those of whole windows. */
  readonly together?: number;
  /** float32 by default. */
  readonly precision?: Precision;
  /** `dense`: the dense model is run too, and its last hidden states are compared with. */
  readonly beside?: 'dense';
  /** What a calibration pass gathers; nothing for an evaluation. */
  readonly needs?: readonly CalibrationNeed[];
  /** Tokens of all sequences; needed for gradients, which keep all hidden states. */
  readonly tokens?: number;
  /** Tokens before the one that is timed; their keys and values are in memory. */
  readonly cached?: number;
  /** `stream`: an architecture is compensated on its own stream. */
  readonly fit?: 'stream';
  /** Most bytes that a compensation holds at once while it prepares a half-block of so many rows. */
  readonly preparing?: (rows: number, hidden: number) => number;
  /** Bytes of all Gram matrices that are kept, in memory or on disk, including those of this call. */
  readonly gramBytes?: number;
  /** An architecture that is trained: its weights are in memory, and the inputs of its half-blocks during a step. */
  readonly training?: {
    readonly architecture: Architecture;
    /** Of the factors that are trained; 0: the weights themselves. */
    readonly rank: number;
    readonly stepTokens: number;
    /** Whether the layers' own errors count, for which the teacher's states after each layer are kept. */
    readonly layerErrors: boolean;
  };
}

/** What an observation is about to do, as far as its memory depends on it. */
export function describeObservation(
  { sequences, precision = 'float32', continuation = 0, divergences = false, timing }: ObservationRequest,
  batches: readonly RunBatch[],
): Pick<Workload, 'longest' | 'together' | 'precision' | 'beside' | 'cached'> {
  const { longest, together } = measureRuns(sequences, batches);
  return {
    longest: Math.max(longest + continuation, timing?.tokens ?? 1),
    together,
    precision,
    ...(timing === undefined ? {} : { cached: timing.tokens }),
    ...(divergences ? { beside: 'dense' } : {}),
  };
}

/** How a memory budget is divided; all parts together stay within it. */
export interface MemoryPlan {
  /** Most bytes of stored weights: sorted layers, their compensated copies, factorisations. */
  readonly storeBytes: number;
  /** Most bytes of hidden states. */
  readonly stateBytes: number;
  /** Most bytes of Gram matrices in memory; the others are on disk. */
  readonly gramBytes: number;
  /** `resident`: all weights of the model fit; `streamed`: one layer at a time. */
  readonly layers: Residence;
  /** Compiled graphs that keep their working memory between runs; 0: each run frees its memory. */
  readonly keptSessions: number;
  /** Most bytes that they keep. */
  readonly sessionBytes: number;
}

/**
 * Divides a budget between weights, hidden states, Gram matrices and compiled graphs, after setting aside what the call
 * cannot do without.
 *
 * @param wholeBytes the budget that the error names, if the call may use only a part of it
 * @throws PrunecastError MEMORY_EXCEEDED if that minimum alone does not fit: the call can never run
 */
export function planMemory(
  shape: ModelShape,
  budgetBytes: number,
  work: Workload,
  wholeBytes = budgetBytes,
): MemoryPlan {
  const least = countLeastBytes(shape, work);
  const leastBytes = sumBytes(least);
  if (leastBytes > budgetBytes) {
    throw new PrunecastError(
      'MEMORY_EXCEEDED',
      `${describeWork(work)} needs ${leastBytes} bytes (${describeLeast(least)}), but the memory budget is ${wholeBytes}: raise it, or ${findCure(work)}`,
      { metadata: { needed_bytes: String(leastBytes), budget_bytes: String(wholeBytes) } },
    );
  }
  const spare = budgetBytes - leastBytes;
  const gramBytes = Math.min(work.gramBytes ?? 0, Math.floor(SHARES.grams * spare));
  const keptSessions = countKeptSessions(least.run, Math.floor(SHARES.sessions * (spare - gramBytes)));
  const rest = spare - gramBytes - keptSessions * KEPT_OF_RUN * least.run;
  const layers =
    (work.beside === undefined ? 1 : 2) * countWeightBytes(shape, work.precision) <=
    least.store + SHARES.store.resident * rest
      ? 'resident'
      : 'streamed';
  const share = Math.floor(SHARES.store[layers] * rest);
  return {
    storeBytes: least.store + share,
    stateBytes: least.states + rest - share,
    gramBytes,
    layers,
    keptSessions,
    sessionBytes: keptSessions * KEPT_OF_RUN * least.run,
  };
}

/** What a job does on a model, as far as its memory depends on it. */
export interface MemoryUse extends Pick<Workload, 'beside' | 'cached'> {
  /** Tokens of the longest window or sequence. */
  readonly longest: number;
  /** As in `Workload`. */
  readonly together?: number;
  /** Tokens of all windows of an evaluation, or of all sequences of a calibration if those are more. */
  readonly tokens: number;
  readonly precision: Precision;
  /** Recipes, each with its own order of the weights, whose compensation is fitted on Gram matrices. */
  readonly fitted: number;
  /** Architectures that are measured under such a recipe, all counted as one: their compensated maps are kept. */
  readonly compensated?: { readonly architecture: Architecture; readonly count: number };
  /** An architecture that is trained, in one lane: its weights and their moments, and the states of a step. */
  readonly training?: NonNullable<Workload['training']>;
}

/**
 * Most bytes that a job uses, estimated, at most the budget: the weights in their own order and in that of each recipe,
 * the Gram matrices, what each recipe's fit keeps of them, compensated maps, the keys and values of a context that is timed,
 * the weights of the dense model where it is compared with, and the hidden states of all tokens. Each
 * lane has all of these but the hidden states, which are shared among them.
 *
 * @param lanes from `countLanes`
 */
export function estimatePeakBytes(
  shape: ModelShape,
  budgetBytes: number,
  { tokens, fitted, compensated, training, ...work }: MemoryUse,
  lanes: number,
): number {
  const least = countLeastBytes(shape, work);
  const states = Math.max(lanes * least.states, countCopies(work) * 4 * tokens * shape.hidden);
  const squares = shape.layers.reduce(
    (sum, { kvHeads, queryHeadsPerKv, ffnChannels }) =>
      sum + (kvHeads * queryHeadsPerKv * shape.headDim) ** 2 + ffnChannels ** 2,
    0,
  );
  const orders = Math.max(work.beside === undefined ? 1 : 2, 1 + fitted);
  const weights = Math.max(least.store, orders * countWeightBytes(shape, work.precision));
  const fits = fitted === 0 ? 0 : (8 + 4 * fitted) * squares;
  const maps = fitted === 0 || compensated === undefined ? 0 : compensated.count * countMapBytes(shape, compensated);
  const inLane = least.run + least.reading + least.cache + weights + fits + maps;
  const trained =
    training === undefined
      ? 0
      : 4 * countTrained(shape, training) +
        countMomentBytes(shape, training.architecture, training.rank) +
        4 *
          (shape.hidden * countStepStates(shape, training) + countProductColumns(shape, training.architecture)) *
          training.stepTokens;
  return Math.min(budgetBytes, lanes * inLane + states + trained + (lanes - 1) * LANE_BYTES);
}

/** The output maps of the half-blocks that lost units. */
function countMapBytes(
  { hidden, headDim, layers }: ModelShape,
  { architecture }: Required<MemoryUse>['compensated'],
): number {
  return layers.reduce((sum, dense, layer) => {
    const { kvHeads, queryHeadsPerKv, ffnChannels } = architecture[layer] ?? dense;
    const heads = kvHeads * queryHeadsPerKv;
    const rows =
      (heads < dense.kvHeads * dense.queryHeadsPerKv ? heads * headDim : 0) +
      (ffnChannels < dense.ffnChannels ? ffnChannels : 0);
    return sum + 4 * hidden * rows;
  }, 0);
}

/**
 * What the process of a server takes without a model's data, on Node 22: 135 MB when it begins to listen, 55 MB for
 * ONNX Runtime and a model's thread, and 70 MB of garbage until it is collected.
 */
export const BASE_MEMORY_BYTES = 260e6;

/** What each further lane of a model takes without the model's data: its thread, ONNX Runtime's memory, and garbage. */
export const LANE_BYTES = 60e6;

/**
 * Shares of what is left. If the layers do not fit together, they are read again for every group of windows, so memory
 * is better spent on hidden states than on keeping layers.
 */
const SHARES = { grams: 0.4, sessions: 0.25, store: { resident: 0.7, streamed: 0.2 } } as const;

/** A compiled graph grows its own memory in doubling steps, so it may keep twice what a run needs. */
const KEPT_OF_RUN = 2;

/** Attention, FFN and head: with fewer, each would evict the one before it. */
const FEWEST_KEPT_SESSIONS = 3;

const MOST_KEPT_SESSIONS = 12;

function countKeptSessions(runBytes: number, limitBytes: number): number {
  const fit = Math.min(MOST_KEPT_SESSIONS, Math.floor(limitBytes / (KEPT_OF_RUN * runBytes)));
  return fit < FEWEST_KEPT_SESSIONS ? 0 : fit;
}

function describeWork({ longest, cached, training }: Workload): string {
  if (training !== undefined) return `a training of this model in steps of ${training.stepTokens} tokens`;
  return `one layer of this model on ${cached === undefined ? `windows of ${longest} tokens` : `a context of ${cached} tokens`}`;
}

function findCure({ cached, training }: Workload): string {
  if (training !== undefined) return 'train on fewer or shorter sequences per step';
  return cached === undefined ? 'use shorter windows or a recipe that gathers less' : 'ask for a shorter context';
}

function countWeightBytes(shape: ModelShape, precision?: Precision): number {
  return bytesPerWeight(precision) * countParameters(shape, shape.layers);
}

/** Weights in 8 bits are kept beside those in float32, from which other widths are compensated. */
function bytesPerWeight(precision: Precision = 'float32'): number {
  return precision === 'int8' ? 5 : 4;
}

/** The minimum without which nothing runs. */
interface LeastBytes {
  /** Arrays within the largest graph. */
  readonly run: number;
  /** A half-block that is being read: all of it, and the matrix that is being sorted; or a part of the head. */
  readonly reading: number;
  /** The half-block that is being computed. */
  readonly store: number;
  /** One batch before, after and beside a half-block. */
  readonly states: number;
  /** What calibration gathers, or a compensation prepares, at once. */
  readonly gathering: number;
  /** Keys and values of the tokens before those that run. */
  readonly cache: number;
}

function countLeastBytes(
  shape: ModelShape,
  {
    longest,
    together = 0,
    precision,
    beside,
    tokens: all = 0,
    needs = [],
    cached = 0,
    fit,
    preparing = () => 0,
    training,
  }: Workload,
): LeastBytes {
  const { hidden, headDim, vocabulary } = shape;
  const tokens = Math.max(TOKENS_PER_RUN, longest);
  // The backward pass has the scores of all heads at once, the forward pass those of a block of queries.
  const isBackward = needs.includes('gradients') || training !== undefined;
  const scores = isBackward ? longest : countScoresPerToken(longest);
  const layers = shape.layers.map(({ kvHeads, queryHeadsPerKv, ffnChannels }) => ({
    attentionValues:
      tokens * (hidden + 4 * kvHeads * (queryHeadsPerKv + 1) * headDim + kvHeads * queryHeadsPerKv * scores),
    ffnValues: tokens * (2 * hidden + 3 * ffnChannels),
    half: Math.max(countAttentionParameters(shape, kvHeads, queryHeadsPerKv), countFfnParameters(shape, ffnChannels)),
    layer: countAttentionParameters(shape, kvHeads, queryHeadsPerKv) + countFfnParameters(shape, ffnChannels),
    width: Math.max(kvHeads * queryHeadsPerKv * headDim, ffnChannels),
    inputColumns: Math.max(kvHeads * (queryHeadsPerKv + 2) * headDim, 2 * ffnChannels),
  }));
  const most = (field: keyof (typeof layers)[number]): number => Math.max(0, ...layers.map((layer) => layer[field]));
  const headPart = Math.max(...splitVocabulary(vocabulary, hidden).map((part) => part.tokens));
  const width = most('width');
  const gradients = needs.includes('gradients');
  // Logits and their log-softmax; to compare two models' more values of half as many rows each.
  const headValues = (beside === undefined ? 2 : 3) * countHeadRows(headPart) * headPart;
  const forward = Math.max(most('attentionValues'), most('ffnValues'), headValues);
  // In the backward pass a graph holds about as much again, and the gradients of each sequence of a batch.
  const run = isBackward ? 2 * Math.max(forward, 2 * countHeadRows(vocabulary) * vocabulary) : forward;
  const tap = needs.length > 0 ? tokens * width : 0;
  // A float64 sum, the product of a batch, and one on its way to disk.
  const gram = needs.includes('gram') ? 4 * width * width : 0;
  // Of the stream's inputs with what it lacks: a float64 sum, and that of a batch.
  const product = fit === 'stream' ? 3 * width * hidden : 0;
  // Two float64 sums and that of a batch; the maps into a half-block side by side, their product, and the change.
  const inputs = fit === 'stream' ? 6 * hidden ** 2 + 6 * hidden * most('inputColumns') : 0;
  const back = gradients ? 4 * most('layer') + vocabulary * hidden : 0; // sums and squares, of all batches and of one
  // Of a half-block: the gradients of up to four matrices, of all batches and of one, each in the room of the largest;
  // moments, and those that are being saved, or with them the factors' gradients; beside its weights those of all others.
  const trained =
    training === undefined
      ? 0
      : countTrained(shape, training) +
        8 * width * hidden +
        4 * Math.max(most('half'), ...shape.layers.map((layer) => countFactors(shape, [layer], training.rank))) +
        vocabulary * hidden;
  // Of activations too: the 8-bit ones are kept beside those they are made from.
  const bytes = bytesPerWeight(precision);
  return {
    run: bytes * run,
    reading: bytes * Math.max(most('half') + width * hidden, headPart * hidden),
    store: bytes * most('half'),
    states:
      4 *
      hidden *
      Math.max(
        countCopies({ beside }) * Math.max(tokens, together),
        gradients ? countLeastCopies(shape.layers.length) * all : 0,
        fit === 'stream' ? 4 * tokens : 0,
        training === undefined ? 0 : countStepStates(shape, training) * training.stepTokens,
      ),
    gathering: Math.max(4 * (tap + gram + product + back + trained), 4 * inputs, preparing(width, hidden)),
    cache:
      (CACHE_COPIES * cached + (together > tokens ? longest : 0)) *
      (2 * 4 * headDim * Math.max(0, ...shape.layers.map(({ kvHeads }) => kvHeads))),
  };
}

/** Copies of the hidden states of a batch: before, after and beside a half-block; and the dense model's, at its end. */
function countCopies({ beside }: { readonly beside?: Workload['beside'] | undefined }): number {
  return beside === undefined ? 3 : 4;
}

/** Weights and factors, which are in memory all the time. */
function countTrained(shape: ModelShape, { architecture, rank }: NonNullable<Workload['training']>): number {
  return countParameters(shape, architecture) + countFactors(shape, architecture, rank);
}

/**
 * Hidden states of all tokens of a training step: the inputs of all half-blocks, and those of both models' ends; for the
 * layers' own errors the teacher's after each layer too.
 */
export function countStepStates(
  { layers }: ModelShape,
  { layerErrors }: Pick<NonNullable<Workload['training']>, 'layerErrors'>,
): number {
  return (layerErrors ? 3 : 2) * layers.length + 4;
}

/** Values of a token that a training step keeps of its half-blocks' products with their input maps, if it has room. */
function countProductColumns({ headDim }: ModelShape, architecture: Architecture): number {
  return architecture.reduce(
    (sum, { kvHeads, queryHeadsPerKv, ffnChannels }) =>
      sum + kvHeads * (queryHeadsPerKv + 2) * headDim + 2 * ffnChannels,
    0,
  );
}

/**
 * Copies of one layer's keys and values: as stored, as the graph reads them, with the new token's added, and rotated. A
 * million tokens of the demo model took 3.75.
 */
const CACHE_COPIES = 4;

function sumBytes({ run, reading, store, states, gathering, cache }: LeastBytes): number {
  return run + reading + store + states + gathering + cache;
}

function describeLeast({ run, reading, store, states, gathering, cache }: LeastBytes): string {
  return `${cache === 0 ? '' : `keys and values ${cache}, `}weights ${reading + store}, hidden states ${states}, graphs ${run}, calibration, compensation and training ${gathering}`;
}
