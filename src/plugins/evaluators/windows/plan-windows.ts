import { canonicalJson } from '../../../core/canonical-json.js';
import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { EvaluationPlan, EvaluationText, WindowProtocol } from '../../../core/ports/evaluator.js';
import { pickEvenly, shareOf } from '../../../core/pick-evenly.js';
import { scoreFrom, type Sequence } from '../../../core/sequence.js';

/**
 * A plan of a text's windows, each an item.
 *
 * Windows are consecutive, of `window` tokens; BOS, if on, is the first of them in each. Every token but the first of a
 * window is predicted. With a stride below the window, each window scores only the tokens that no earlier window
 * scored. A last short window is dropped. A token limit takes whole windows, spread evenly over the part. Throws
 * TEXT_TOO_SHORT.
 *
 * @param scorer the evaluator's id and its options
 */
export function planWindows(
  text: EvaluationText,
  protocol: WindowProtocol,
  scorer: { readonly id: string; readonly options: unknown },
): EvaluationPlan {
  const { count, cut } = cutWindows(text, protocol);
  const places = pickWindows(count, protocol);
  if (places.length === 0) throw textTooShort(text, protocol);
  requireMeasurable(places.length, protocol);
  const windows = places.map(cut);
  const { window, stride, bos, precision = 'float32' } = protocol;
  return {
    sequences: windows.map(({ sequence }) => sequence),
    measurement: {
      textDigest: text.digest,
      tokenizerDigest: text.tokenizerDigest ?? '',
      window,
      stride,
      bos,
      bosToken: bos ? text.bosToken : undefined,
      scorer: canonicalJson(scorer),
      promptFormat: '',
    },
    fidelity: { tokens: windows.length * window, items: windows.map(({ start }) => start), precision },
  };
}

interface Window {
  /** Position of its first text token in the whole text: what tells two windows apart. */
  readonly start: number;
  readonly sequence: Sequence;
}

/**
 * How many whole windows the text has, and a function that cuts one. It copies: a view would take the whole text along
 * to the model's thread.
 */
function cutWindows(
  { tokens, bosToken }: EvaluationText,
  { window, stride, bos }: WindowProtocol,
): { readonly count: number; readonly cut: (index: number) => Window } {
  if (window < 2)
    throw PrunecastError.ofField(
      'window',
      `is ${window}: a window needs 2 tokens, one to predict from and one to predict`,
    );
  if (stride < 1 || stride > window)
    throw PrunecastError.ofField('stride', `is ${stride}; 1 to the window's ${window} are allowed`);
  if (bos && bosToken === undefined)
    throw PrunecastError.ofField(
      'bos',
      "the model's config.json names no bos_token_id of its vocabulary: leave BOS off",
    );
  const front = bos && bosToken !== undefined ? [bosToken] : [];
  const textTokens = window - front.length;
  const step = Math.min(stride, textTokens); // with BOS a window holds one text token less, and none may be skipped
  const count = Math.max(0, Math.floor((tokens.length - textTokens) / step) + 1);
  return {
    count,
    cut: (index) => {
      const start = index * step;
      const scoredBefore = index === 0 ? 0 : (index - 1) * step + textTokens;
      const window = putInFront(front, tokens.subarray(start, start + textTokens));
      return { start, sequence: scoreFrom(window, Math.max(1, scoredBefore - start + front.length)) };
    },
  };
}

function putInFront(front: readonly number[], tokens: Int32Array): Int32Array {
  const joined = new Int32Array(front.length + tokens.length);
  joined.set(front);
  joined.set(tokens, front.length);
  return joined;
}

/** The places of the windows of the part, or of as many as the token limit allows, spread evenly. */
function pickWindows(windows: number, { window, part = { from: 0, to: 1 }, tokenLimit }: WindowProtocol): number[] {
  const from = shareOf(windows, part.from);
  const count = Math.max(0, shareOf(windows, part.to) - from);
  const most = tokenLimit === undefined ? count : Math.floor(tokenLimit / window);
  if (tokenLimit !== undefined && most < 1)
    throw PrunecastError.ofField('token_limit', `is ${tokenLimit}, less than one window of ${window} tokens`);
  return pickEvenly(count, most).map((place) => from + place);
}

/** Windows of one plan: All of WikiText-2 has 1,300 of 2048 tokens, or 21,000 of 128. */
const MOST_WINDOWS = 131_072;

/** Most tokens in all windows of a plan, which is held in memory: 256 MiB. */
const MOST_WINDOW_TOKENS = 2 ** 26;

function requireMeasurable(count: number, { window, stride }: WindowProtocol): void {
  if (count <= MOST_WINDOWS && count * window <= MOST_WINDOW_TOKENS) return;
  throw new PrunecastError(
    'INVALID_REQUEST',
    `a window of ${window} tokens every ${stride} makes ${count} windows of ${count * window} tokens; at most ${MOST_WINDOWS} windows and ${MOST_WINDOW_TOKENS} tokens are measured: set a token limit or a longer stride`,
  );
}

function textTooShort({ tokens }: EvaluationText, { window, bos, part }: WindowProtocol): PrunecastError {
  const needed = window - (bos ? 1 : 0);
  const where = part === undefined ? 'the text' : `the part from ${part.from} to ${part.to} of the text`;
  return new PrunecastError(
    'TEXT_TOO_SHORT',
    `${where} has no whole window: the text has ${tokens.length} tokens, a window takes ${needed} of them`,
    {
      metadata: { tokens: String(tokens.length), needed: String(needed) },
    },
  );
}
