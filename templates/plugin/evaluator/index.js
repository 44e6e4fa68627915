import { canonicalJson, defineEvaluator, PrunecastError, scoreFrom, z } from 'prunecast/plugin';

/** How often the most likely next token is not that of the text, over consecutive windows. */
export default defineEvaluator({
  id: 'my-plugin',
  summary: 'Share of the tokens of a text that are not the most likely ones.',
  reads: 'text',
  runsIn: 'inline',
  metrics: [
    {
      name: 'misses',
      better: 'lower',
      scale: 'linear',
      mean: { of: 'missed', per: 'tokens' },
      summary: 'share of the scored tokens that were not the most likely ones',
    },
  ],
  options: z.strictObject({
    skip: z.int().min(0).max(1000).default(0).describe('Tokens at the beginning of each window that are not scored.'),
  }),
  plan: (text, { window, bos, part = { from: 0, to: 1 }, tokenLimit, precision = 'float32' }, options) => {
    const front = bos && text.bosToken !== undefined ? [text.bosToken] : [];
    const size = window - front.length;
    const count = Math.floor(text.tokens.length / size);
    const first = Math.floor(count * part.from);
    const most = tokenLimit === undefined ? count : Math.floor(tokenLimit / window);
    const starts = Array.from(
      { length: Math.min(most, Math.floor(count * part.to) - first) },
      (_, index) => (first + index) * size,
    );
    if (starts.length === 0 || options.skip + 1 >= window)
      throw new PrunecastError(
        'TEXT_TOO_SHORT',
        `nothing can be scored: the text has ${text.tokens.length} tokens, a window takes ${size} and skips ${options.skip}`,
      );
    const sequences = starts.map((start) =>
      scoreFrom(Int32Array.from([...front, ...text.tokens.subarray(start, start + size)]), options.skip + 1),
    );
    return {
      sequences,
      measurement: {
        textDigest: text.digest,
        tokenizerDigest: text.tokenizerDigest ?? '',
        window,
        stride: window,
        bos: front.length > 0,
        bosToken: front[0],
        scorer: canonicalJson({ id: 'my-plugin', options }),
        promptFormat: '',
      },
      fidelity: { tokens: sequences.length * window, items: starts, precision },
    };
  },
  reduce: ({ hits }, { sequences }) => {
    const tokens = Float64Array.from(sequences, ({ spans: [span] }) => (span ? span.to - span.from : 0));
    const missed = tokens.map((count, item) => count - hits[item]);
    return { metrics: { misses: addUp(missed) / addUp(tokens) }, items: { missed, tokens } };
  },
});

/** @param {Float64Array} values */
function addUp(values) {
  return values.reduce((sum, value) => sum + value, 0);
}
