import type { RequestFlag } from './request-flag.js';
import { parseCount } from './values.js';

/**
 * Flags of the pairs that a predictor is fitted on.
 *
 * @param field path of the `PairPlan`
 */
export function pairFlags(field: string): RequestFlag[] {
  return [
    { flags: '--pairs <COUNT>', summary: 'architectures to label', field: `${field}.count`, parse: parseCount },
    {
      flags: '--tied-pairs <COUNT>',
      summary: 'how many of these have neighbouring layers tied',
      field: `${field}.tied_count`,
      parse: parseCount,
    },
    {
      flags: '--pair-tokens <COUNT>',
      summary: 'tokens per label',
      field: `${field}.rungs[0].token_limit`,
      defaultFrom: `${field}.rungs`,
      parse: parseCount,
    },
  ];
}
