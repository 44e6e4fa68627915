import type { StoredTensor } from './checkpoint.js';

/**
 * Buffers that some versions of transformers have stored beside the weights: rotary frequencies and tables, causal masks,
 * positions. They follow from config.json.
 */
const BUFFER_NAME =
  /(?:^|\.)(?:rotary_emb\.(?:inv_freq|original_inv_freq|cos_cached|sin_cached)|(?:self_attn|attn|attention)\.(?:bias|masked_bias|causal_mask)|position_ids)$/;

/** No weight of a model is a truth value or a 64-bit integer. */
const BUFFER_DTYPES: ReadonlySet<string> = new Set(['BOOL', 'I64']);

/** Whether a stored tensor is known to be no weight, by its name or by what it holds. */
export function isBuffer({ name, dtype }: Pick<StoredTensor, 'name'> & Partial<Pick<StoredTensor, 'dtype'>>): boolean {
  return BUFFER_NAME.test(name) || (dtype !== undefined && BUFFER_DTYPES.has(dtype));
}
