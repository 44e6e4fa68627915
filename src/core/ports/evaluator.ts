import type { Architecture, ModelShape } from '../model/shape.js';
import type { Evaluation, MetricDefinition } from '../metric.js';
import type { Fidelity, Measurement, Precision } from '../measurement.js';
import type { Sequence } from '../sequence.js';
import type { ExportSummary } from './exporter.js';
import type { PluginManifest } from './plugin.js';
import type { WorkContext } from './work-context.js';

/**
 * Measures architectures: metrics by name. It says which sequences are to be run and what of them is scored, and makes
 * metrics of what comes out; the engine does what lies between. So sequences that several evaluators ask for are run
 * once.
 */
export type Evaluator<Options = unknown> = TextEvaluator<Options> | RowsEvaluator<Options> | ModelEvaluator<Options>;

interface AnyEvaluator<Options, Context extends WorkContext> extends PluginManifest<Options> {
  readonly kind: 'evaluator';
  readonly metrics: readonly MetricDefinition[];
  /**
   * Where `reduce` runs. `worker`: in a thread of its own, which is ended when its caller leaves. `inline`: in the
   * server, for an evaluator that only adds up numbers. `plan` always runs in the server.
   *
   * @default 'worker'
   */
  readonly runsIn?: 'worker' | 'inline';
  /** The metrics of an architecture, and what they are made of item by item. */
  reduce(
    observed: ObservedArchitecture,
    plan: EvaluationPlan,
    options: Options,
    context: Context,
  ): Evaluation | Promise<Evaluation>;
  /**
   * A stored evaluation of an earlier version with the metrics that it lacks, made of its items alone. undefined: it has
   * to be measured again, as without this method.
   */
  complete?(stored: Evaluation, plan: EvaluationPlan): Evaluation | undefined;
}

/** One that measures on a text as tokens. */
export interface TextEvaluator<Options = unknown, Context extends WorkContext = WorkContext>
  extends AnyEvaluator<Options, Context> {
  readonly reads: 'text';
  /** What is to be run on a text. Throws TEXT_TOO_SHORT. */
  plan(text: EvaluationText, protocol: WindowProtocol, options: Options): EvaluationPlan;
}

/** One that measures on rows of files, such as questions. */
export interface RowsEvaluator<Options = unknown, Context extends WorkContext = WorkContext>
  extends AnyEvaluator<Options, Context> {
  readonly reads: 'rows';
  /** The folders whose files are read, inside of the named one; undefined: the named one is a file. */
  readonly folders?: readonly string[];
  /** What is to be run on rows. Throws INVALID_REQUEST with the file and the line of a row that is no question. */
  plan(rows: EvaluationRows, protocol: RowsProtocol, options: Options): Promise<EvaluationPlan>;
}

/** One that needs the model alone, to time or to weigh it. */
export interface ModelEvaluator<Options = unknown, Context extends WorkContext = WorkContext>
  extends AnyEvaluator<Options, Context> {
  readonly reads: 'nothing';
  /** What is to be observed; sequences are not needed. */
  plan(model: HostedModel, options: Options): EvaluationPlan;
}

/** A text as token ids, with the digests that name it. */
export interface EvaluationText {
  readonly tokens: Int32Array;
  /** Digest of the token ids, and of where documents begin if they are apart. */
  readonly digest: string;
  /** undefined if the caller sent token ids. */
  readonly tokenizerDigest?: string;
  /**
   * Where each document begins, in rising order, if each was tokenized by itself: no context crosses from one to the
   * next. Those without a token begin where the next one does. undefined: the text is one.
   */
  readonly documents?: Int32Array;
  /** undefined if the caller sent token ids, or if it cannot be told exactly. */
  readonly cover?: TokenCover;
  /** The beginning-of-sequence token, if the model has one. */
  readonly bosToken?: number;
}

/** How much of a text each token stands for: added up, the bytes and the words of the text. */
export interface TokenCover {
  /** Bytes in UTF-8. */
  readonly bytes: Uint16Array;
  /**
   * Words that begin in it. What stands between white space is a word, and so is an empty beginning or end of the text
   * (`re.split(r"\s+", text)` of Python), which counts for the first or last token.
   */
  readonly words: Uint16Array;
}

/** Rows of files, and the model's tokenizer. */
export interface EvaluationRows extends EvaluatedModel {
  readonly files: readonly DataFile[];
  /** Digest of the contents of all files. */
  readonly digest: string;
  readonly tokenizerDigest: string;
  /** The beginning-of-sequence token, if the model has one. */
  readonly bosToken?: number;
  /** The token ids of each text, without special tokens. */
  tokenize(texts: readonly string[]): Promise<Int32Array[]>;
}

/** A file of a data set. */
export interface DataFile {
  /** Its path inside of what was named: `dev/anatomy_dev.csv`; the file's own name if a file was named. */
  readonly name: string;
  readonly rows: readonly DataRow[];
}

export interface DataRow {
  /** Its first line in the file, from 1; of a file without lines its number. */
  readonly line: number;
  /** Of a CSV file the fields in order, else the fields by name. */
  readonly values: readonly string[] | Readonly<Record<string, unknown>>;
}

/** What is known of a model before it runs. */
export interface EvaluatedModel {
  readonly shape: ModelShape;
  /** Positions that it was made for: max_position_embeddings. */
  readonly maxPositions: number;
}

/** A model on the machine that it runs on. */
export interface HostedModel extends EvaluatedModel {
  /** The processor, and with how many threads the model runs: what times belong to. */
  readonly machine: string;
}

/** Which items of rows are measured, and in what arithmetic. */
export interface RowsProtocol extends Pick<WindowProtocol, 'part' | 'precision'> {
  /** As many items as run in this many tokens, spread evenly over the part; undefined takes all. */
  readonly tokenLimit?: number;
}

/** How a text is cut into windows (DESIGN "Windows"), and in what arithmetic they are measured. */
export interface WindowProtocol {
  /** Tokens per window, BOS included. */
  readonly window: number;
  /** Tokens from one window's start to the next; equal to `window` for no overlap. */
  readonly stride: number;
  readonly bos: boolean;
  /** Which part of the text: the half-open range [from, to) as shares of its windows. */
  readonly part?: { readonly from: number; readonly to: number };
  /** Takes as many whole windows as fit in this many tokens, spread evenly over the part; undefined takes all. */
  readonly tokenLimit?: number;
  /** Becomes part of the plan's fidelity; float32 by default. */
  readonly precision?: Precision;
}

/** What is to be run for a measurement. */
export interface EvaluationPlan {
  /** Each has spans, unless it is only continued. */
  readonly sequences: readonly Sequence[];
  /** What `reduce` gets beside the losses and hits of the spans; undefined: nothing. */
  readonly observe?: FurtherObservations;
  /** Which of the evaluator's metrics it measures; all by default. */
  readonly metrics?: readonly string[];
  readonly measurement: Measurement;
  /**
   * Of as many items as `reduce` gives numbers of; of none if only `reduce` knows how many a checkpoint is asked, which
   * must be the same ones for every architecture.
   */
  readonly fidelity: Fidelity;
  /** What `reduce` must know beside this, such as the right answers; it may be sent to another thread. */
  readonly forReduce?: unknown;
  /** Prompts that are too long for the model; undefined if nothing is asked. */
  readonly shortened?: ShortenedPrompts;
}

/** How many prompts were too long for the model's context, and what was done about it. */
export interface ShortenedPrompts {
  /** Prompts that begin with fewer examples than asked for. */
  readonly fewerShots: number;
  /** Prompts that lost tokens on the left, since they are too long without examples too. */
  readonly cut: number;
}

/** A model under one recipe: what an evaluator measures. */
export interface EvaluationSubject {
  readonly shape: ModelShape;
  /**
   * Runs sequences through each architecture; results come as they are ready. They are the same whether architectures
   * are asked for together or one by one, but for the tokens that they share. A checkpoint is there until the next
   * result is asked for. Throws PRECISION_UNAVAILABLE, EXPORT_UNSUPPORTED.
   */
  observe(
    architectures: readonly Architecture[],
    request: ObservationRequest,
    work: WorkContext,
  ): AsyncIterable<Observation>;
  /** Tokens that run for that, per architecture, beside those that observations tell of (`furtherTokens`). */
  countTokens(request: ObservationRequest): number;
}

/** What is to be observed of an architecture. */
export interface ObservationRequest extends FurtherObservations {
  readonly sequences: readonly Sequence[];
  /** @default 'float32' */
  readonly precision?: Precision;
  /**
   * Whether tokens that sequences begin with alike run once (`planRuns`), or each sequence runs whole.
   *
   * @default 'shared'
   */
  readonly prefixes?: 'shared' | 'apart';
}

/** What is observed beside the losses of spans; each only if it is asked for, as each takes further runs. */
export interface FurtherObservations {
  /** Most tokens that each sequence without spans is continued by, 1 or more. */
  readonly continuation?: number;
  /** How far the predictions of scored tokens are from the dense model's, if `true`. */
  readonly divergences?: boolean;
  /** How long runs take; needs no sequences. Nothing else runs on the model meanwhile. */
  readonly timing?: TimingRequest;
  /**
   * The architecture as a checkpoint on disk, compensated as its recipe says; needs no sequences. For software of another
   * kind, such as a benchmark of one's own.
   */
  readonly checkpoint?: CheckpointRequest;
}

/** How a checkpoint is written. What is measured on it belongs to the exporter too: it is part of the measurement. */
export interface CheckpointRequest {
  /** The exporter's id: `hf`. */
  readonly exporter: string;
  /** The exporter's options; those that are left out have its defaults. */
  readonly options?: unknown;
}

/** A checkpoint on disk. It is removed when `reduce` has ended. */
export interface WrittenCheckpoint extends ExportSummary {
  /** The absolute path of its folder. */
  readonly directory: string;
  /** Digest of the checkpoint that it was cut from. */
  readonly sourceDigest: string;
}

/** Which runs are timed. */
export interface TimingRequest {
  /** Tokens of a prompt, and tokens before the one that is decoded; 1 or more. */
  readonly tokens: number;
  /** Timed runs of each kind, 1 or more. */
  readonly repeats: number;
  /** Runs of each kind before those. */
  readonly warmUp: number;
}

/** Milliseconds of each timed run, in their order. */
export interface Timing {
  /** A prompt, up to the logits after its last token. */
  readonly prefillMs: Float64Array;
  /** One token after a prompt, up to its logits. */
  readonly decodeMs: Float64Array;
}

/** What an architecture made of sequences: one number per span, in the order of the sequences and of their spans. */
export interface Observation {
  /** Index into the architectures asked for. */
  readonly index: number;
  /** Summed negative log-likelihood of the scored tokens, natural log. */
  readonly losses: Float64Array;
  /** How many scored tokens were the model's most likely one; of two equally likely both count. */
  readonly hits: Int32Array;
  /**
   * If asked for: summed KL(dense || architecture) of the distributions over the next token that scored tokens are
   * predicted with, natural log. The dense model has its own weights, in the precision of the request.
   */
  readonly divergences?: Float64Array;
  /** If asked for. */
  readonly timing?: Timing;
  /** If asked for. */
  readonly checkpoint?: WrittenCheckpoint;
  /** With `divergences`: for how many scored tokens both find the same token most likely; of equals the first counts. */
  readonly agreements?: Int32Array;
  /**
   * If asked for, the tokens that follow each sequence without spans, every one the model's most likely next (of equally
   * likely ones the first of the vocabulary). Shorter than asked for where the model ends its text; the token that says
   * so is left out. Empty for a sequence with spans.
   */
  readonly continuations?: readonly Int32Array[];
  /**
   * Tokens that ran beside those of `countTokens`, if what was asked for takes any: of the dense model, of which the first
   * of the architectures that ran together has all, and of continuations past the first run over each sequence.
   */
  readonly furtherTokens?: number;
}

/** What was observed of one architecture. */
export interface ObservedArchitecture extends Omit<Observation, 'index'> {
  readonly shape: ModelShape;
  readonly architecture: Architecture;
}
