/** Token ids that run through the model as one context. */
export interface Sequence {
  readonly tokens: Int32Array;
  /** What is scored, in rising order, apart; none if the sequence is only continued. */
  readonly spans: readonly Span[];
}

/** The predictions of `tokens[from]` up to the one before `tokens[to]`, each from all tokens before it. */
export interface Span {
  /** 1 or more: nothing predicts the first token. */
  readonly from: number;
  readonly to: number;
}

/** A sequence with one span: all tokens from one position on. */
export function scoreFrom(tokens: Int32Array, from = 1): Sequence {
  return { tokens, spans: [{ from, to: tokens.length }] };
}

/** Spans of all sequences: the length of the arrays of an observation. */
export function countSpans(sequences: readonly Pick<Sequence, 'spans'>[]): number {
  return sequences.reduce((sum, { spans }) => sum + spans.length, 0);
}

/** Where each sequence's spans begin among those of all. */
export function placeSpans(sequences: readonly Pick<Sequence, 'spans'>[]): Int32Array {
  const places = new Int32Array(sequences.length);
  let next = 0;
  sequences.forEach(({ spans }, index) => {
    places[index] = next;
    next += spans.length;
  });
  return places;
}

/** Scored tokens of all spans. */
export function countScored(sequences: readonly Pick<Sequence, 'spans'>[]): number {
  return sequences.reduce((sum, { spans }) => sum + spans.reduce((tokens, { from, to }) => tokens + to - from, 0), 0);
}

/** Tokens of all sequences. */
export function countTokens(sequences: readonly Pick<Sequence, 'tokens'>[]): number {
  return sequences.reduce((sum, { tokens }) => sum + tokens.length, 0);
}
