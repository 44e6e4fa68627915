/** A form of an output, and what is asked of it when its own runtime loads it. */
export interface Form {
  readonly exporter: 'hf' | 'gguf' | 'onnx';
  readonly options: Readonly<Record<string, string>>;
  /**
   * How far its perplexity may be from the engine's, as a share of that, unless the rounding of its type explains more;
   * undefined where nothing is asked.
   */
  readonly perplexity?: number;
  /** How far its logits may be from the engine's. */
  readonly logits?: number;
  /** Whether the tokens that it finds likeliest have to be the engine's. */
  readonly greedy?: true;
}

/** Of the same weights: sums in float32 in another order. */
const EXACT = { logits: 1e-3, greedy: true } as const;

/** All forms, by the folders that they are written to. */
export const FORMS: Readonly<Record<string, Form>> = {
  hf: { exporter: 'hf', options: {}, ...EXACT },
  'hf-float32': { exporter: 'hf', options: { dtype: 'float32' }, ...EXACT },
  'hf-decilm': { exporter: 'hf', options: { form: 'decilm' }, ...EXACT },
  'gguf-f32': { exporter: 'gguf', options: { type: 'f32' }, perplexity: 0.005, greedy: true },
  'gguf-f16': { exporter: 'gguf', options: { type: 'f16' }, perplexity: 0.005 },
  'gguf-q8_0': { exporter: 'gguf', options: { type: 'q8_0' }, perplexity: 0.02 },
  'gguf-q4_0': { exporter: 'gguf', options: { type: 'q4_0' } },
  'onnx-float32': { exporter: 'onnx', options: { dtype: 'float32' }, ...EXACT },
  'onnx-float16': { exporter: 'onnx', options: { dtype: 'float16' } },
  'onnx-int8': { exporter: 'onnx', options: { dtype: 'int8' } },
};

/** What a runtime found in an export. */
export interface Found {
  readonly perplexity: number;
  /** The largest difference of two logits to the engine's; undefined where the runtime tells none. */
  readonly logits?: number;
  /** The greedy tokens. */
  readonly tokens: readonly number[];
  /**
   * How many tokens of a text are others than those of the source's tokenizer; undefined where the export has no
   * tokenizer of its own.
   */
  readonly otherTokens?: number;
}

/** The same beside the engine. */
export interface Comparison extends Pick<Found, 'logits' | 'otherTokens'> {
  readonly bytes: number;
  /** The perplexity over the engine's, less 1. */
  readonly perplexity: number;
  /** The same in transformers, with matrices and what they are multiplied by rounded to the type; undefined if not measured. */
  readonly explained?: number;
  /** The largest difference of the engine's logits to those in float64, which is its own rounding; undefined if not measured. */
  readonly rounding?: number;
  /** How many of the greedy tokens are the engine's, up to the first that is not. */
  readonly greedy: number;
  /** By how much the engine's token leads the second where another was found; undefined where none was. */
  readonly lead?: number;
}

/** A comparison, or why the exporter does not write that model. */
export type Outcome = Comparison | { readonly refused: string };

/** By how much a perplexity may be further off than rounding alone explains, as a share: two ways to round a tie give other ones. */
const UNEXPLAINED = 0.005;

/** In what it misses what is asked of it; empty if in nothing. */
export function listMisses(form: Form, { perplexity, explained, logits = NaN, lead }: Comparison): string[] {
  const most = Math.max(form.perplexity ?? Infinity, explained === undefined ? 0 : Math.abs(explained) + UNEXPLAINED);
  return [
    ...(Math.abs(perplexity) <= most ? [] : ['perplexity']),
    ...(form.logits === undefined || logits <= form.logits ? [] : ['logits']),
    ...(form.greedy === undefined || lead === undefined ? [] : ['greedy tokens']),
  ];
}
