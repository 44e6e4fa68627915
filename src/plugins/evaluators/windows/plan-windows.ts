import { canonicalJson } from '../../../core/canonical-json.js';
import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { EvaluationPlan, EvaluationText, WindowProtocol } from '../../../core/ports/evaluator.js';
import { pickEvenly, shareOf } from '../../../core/pick-evenly.js';
import { countTokens, scoreFrom } from '../../../core/sequence.js';
import { sum } from '../../../core/sum.js';

/**
 * A plan of a text's windows, each an item.
 *
 * Windows are consecutive, of `window` tokens; BOS, if on, is the first of them in each. Every token but the first of a
 * window is predicted. With a stride below the window, each window scores only the tokens that no earlier window
 * scored. A last short window is dropped. A token limit takes whole windows, spread evenly over the part. Throws
 * TEXT_TOO_SHORT.
 *
 * If documents are apart, each has windows of its own, of at most `window` tokens, and its last short one is kept. All
 * tokens of a document are predicted, with BOS, or all but its first: then each further window begins with a token of
 * the one before, as context. A part takes whole documents.
 *
 * @param scorer the evaluator's id and its options
 */
export function planWindows(
  text: EvaluationText,
  protocol: WindowProtocol,
  scorer: { readonly id: string; readonly options: unknown },
): EvaluationPlan {
  const front = requireProtocol(text, protocol);
  const places =
    text.documents === undefined
      ? pickWindows(cutText(text, protocol, front.length), protocol)
      : pickPlaces(cutDocuments(text, text.documents, protocol, front.length), protocol);
  if (places.length === 0) throw textTooShort(text, protocol);
  const sequences = places.map(({ start, end, scoredFrom }) =>
    scoreFrom(putInFront(front, text.tokens.subarray(start, end)), Math.max(1, scoredFrom - start + front.length)),
  );
  const { window, stride, bos, precision = 'float32' } = protocol;
  return {
    sequences,
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
    fidelity: {
      tokens: countTokens(sequences),
      items: places.map(({ start }) => start),
      precision,
    },
  };
}

/**
 * How many bytes and words of the text each item of a plan scores; undefined if the text does not tell.
 *
 * @param plan of `planWindows`
 */
export function coverWindows(
  { cover }: EvaluationText,
  { sequences, measurement, fidelity }: EvaluationPlan,
): { readonly bytes: Float64Array; readonly words: Float64Array } | undefined {
  if (cover === undefined) return undefined;
  const added = measurement.bos ? 1 : 0;
  const count = (of: Uint16Array): Float64Array =>
    Float64Array.from(sequences, ({ spans }, item) => {
      const first = (fidelity.items[item] ?? 0) - added;
      return spans.reduce((total, { from, to }) => total + sum(of.subarray(first + from, first + to)), 0);
    });
  return { bytes: count(cover.bytes), words: count(cover.words) };
}
/** A window's tokens in the text, the half-open range [start, end), of which those from `scoredFrom` on are scored. */
interface Place {
  /** What tells two windows apart. */
  readonly start: number;
  readonly end: number;
  /** At the start nothing but BOS predicts a token: without it, the one after is the first that is scored. */
  readonly scoredFrom: number;
}

/** What is put in front of each window: BOS or nothing. */
function requireProtocol({ bosToken }: EvaluationText, { window, stride, bos }: WindowProtocol): readonly number[] {
  if (window < 2)
    throw PrunecastError.ofField(
      'window',
      `is ${window}: a window needs 2 tokens, one to predict from and one to predict`,
    );
  if (stride < 1 || stride > window)
    throw PrunecastError.ofField('stride', `is ${stride}; 1 to the window's ${window} are allowed`);
  if (!bos) return [];
  if (bosToken !== undefined) return [bosToken];
  throw PrunecastError.ofField('bos', "the model's config.json names no bos_token_id of its vocabulary: leave BOS off");
}

/** How many whole windows a text has that is one, and where each lies. */
interface WholeWindows {
  readonly count: number;
  readonly at: (index: number) => Place;
}

function cutText({ tokens }: EvaluationText, { window, stride }: WindowProtocol, added: number): WholeWindows {
  const textTokens = window - added;
  const step = Math.min(stride, textTokens); // with BOS a window holds one text token less, and none may be skipped
  return {
    count: Math.max(0, Math.floor((tokens.length - textTokens) / step) + 1),
    at: (index) => {
      const start = index * step;
      return {
        start,
        end: start + textTokens,
        scoredFrom: index === 0 ? start : (index - 1) * step + textTokens,
      };
    },
  };
}

/** The windows of the documents of the part. */
function cutDocuments(
  { tokens }: EvaluationText,
  documents: Int32Array,
  { window, stride, part = WHOLE }: WindowProtocol,
  added: number,
): Place[] {
  const textTokens = window - added;
  const step = Math.min(stride, added === 0 ? textTokens - 1 : textTokens);
  const places: Place[] = [];
  const to = shareOf(documents.length, part.to);
  for (let document = shareOf(documents.length, part.from); document < to; document++) {
    const first = documents[document] ?? 0;
    const last = documents[document + 1] ?? tokens.length;
    if (last - first + added < 2) continue; // nothing is predicted in it
    for (let [start, scoredFrom] = [first, first]; scoredFrom < last; start += step) {
      const end = Math.min(last, start + textTokens);
      if (places.length === MOST_PLACES)
        throw new PrunecastError(
          'INVALID_REQUEST',
          `the documents have more than ${MOST_PLACES} windows of ${window} tokens every ${stride}: take a longer stride, or a shorter text`,
        );
      places.push({ start, end, scoredFrom });
      scoredFrom = end;
    }
  }
  return places;
}

const WHOLE = { from: 0, to: 1 } as const;

function putInFront(front: readonly number[], tokens: Int32Array): Int32Array {
  const joined = new Int32Array(front.length + tokens.length);
  joined.set(front);
  joined.set(tokens, front.length);
  return joined;
}

/** The windows of the part, or as many as the token limit allows, spread evenly. */
function pickWindows({ count: windows, at }: WholeWindows, protocol: WindowProtocol): Place[] {
  const { window, part = WHOLE, tokenLimit } = protocol;
  const from = shareOf(windows, part.from);
  const count = Math.max(0, shareOf(windows, part.to) - from);
  const most = tokenLimit === undefined ? count : Math.floor(tokenLimit / window);
  if (tokenLimit !== undefined && most < 1) throw limitTooSmall(tokenLimit, window);
  const picked = pickEvenly(count, most);
  requireMeasurable(picked.length, picked.length * window, protocol);
  return picked.map((place) => at(from + place));
}

/** Windows of different lengths, or as many of them as the token limit allows, spread evenly. */
function pickPlaces(places: readonly Place[], protocol: WindowProtocol): Place[] {
  const { window, bos, tokenLimit = Infinity } = protocol;
  if (tokenLimit < window) throw limitTooSmall(tokenLimit, window);
  const countTokens = (picked: readonly Place[]): number =>
    picked.reduce((total, { start, end }) => total + end - start + (bos ? 1 : 0), 0);
  const all = countTokens(places);
  let most = all <= tokenLimit ? places.length : Math.floor((tokenLimit / all) * places.length) + 1;
  let picked: Place[];
  for (;;) {
    picked = pickEvenly(places.length, most).map((place) => places[place] as Place);
    const taken = countTokens(picked);
    if (taken <= tokenLimit) break;
    // A single window always fits. Of documents in turn long and short, only the long ones may be picked.
    most = Math.max(1, Math.min(most - 1, Math.floor((tokenLimit / taken) * most)));
  }
  requireMeasurable(picked.length, countTokens(picked), protocol);
  return picked;
}

function limitTooSmall(tokenLimit: number, window: number): PrunecastError {
  return PrunecastError.ofField('token_limit', `is ${tokenLimit}, less than one window of ${window} tokens`);
}

/** Windows of documents that a few are picked from, each an object in memory: a text of 512 MB has half as many of 64 tokens. */
const MOST_PLACES = 2 ** 22;

/** The most windows of one plan: each has a loss in every label. All of WikiText-2 has 1,300 of 2048 tokens, or 21,000 of 128. */
export const MOST_WINDOWS = 131_072;

/**
 * The most tokens in the windows of one plan: 64 MB of them. A CPU takes hours for these even with the smallest models.
 */
export const MOST_WINDOW_TOKENS = 2 ** 24;

function requireMeasurable(count: number, tokens: number, { window, stride }: WindowProtocol): void {
  if (count <= MOST_WINDOWS && tokens <= MOST_WINDOW_TOKENS) return;
  throw new PrunecastError(
    'INVALID_REQUEST',
    `a window of ${window} tokens every ${stride} makes ${count} windows of ${tokens} tokens; at most ${MOST_WINDOWS} windows and ${MOST_WINDOW_TOKENS} tokens are measured: set a token limit or a longer stride`,
  );
}

function textTooShort({ tokens, documents }: EvaluationText, { window, bos, part }: WindowProtocol): PrunecastError {
  const needed = window - (bos ? 1 : 0);
  const where = part === undefined ? 'the text' : `the part from ${part.from} to ${part.to} of the text`;
  if (documents !== undefined)
    return new PrunecastError(
      'TEXT_TOO_SHORT',
      `${where} has no document with a token to predict: it has ${documents.length} documents of ${tokens.length} tokens in all`,
      { metadata: { tokens: String(tokens.length), documents: String(documents.length) } },
    );
  return new PrunecastError(
    'TEXT_TOO_SHORT',
    `${where} has no whole window: the text has ${tokens.length} tokens, a window takes ${needed} of them`,
    {
      metadata: { tokens: String(tokens.length), needed: String(needed) },
    },
  );
}
