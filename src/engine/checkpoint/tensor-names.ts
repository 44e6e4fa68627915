import type { TensorNames } from '../families/family.js';
import type { StoredTensor } from './checkpoint.js';

/** How the names in a file map to those that transformers gives. */
export interface StandardNames {
  /** The name that transformers gives to a stored tensor. */
  rename(stored: string): string;
  /** The prefix that a wrapper put before all names (`module.`, `_orig_mod.`, `base_model.model.`); empty for none. */
  readonly wrapper: string;
  /** Whether names lack the `model.` that they have in a model with its head. */
  readonly lacksBase: boolean;
}

/**
 * Finds out how a checkpoint names its tensors from the name of its last norm: `module.model.norm.weight` comes from a
 * wrapper, `norm.weight` from a model that was saved without its head. If some names lack the wrapper's prefix, all
 * names are left alone, because nobody knows which of them are meant.
 */
export function findStandardNames(stored: readonly string[], { base, finalNorm, head }: TensorNames): StandardNames {
  const asStored: StandardNames = { rename: (name) => name, wrapper: '', lacksBase: false };
  const norm = `${finalNorm.slice(base.length)}.weight`;
  const [anchor, ...others] = stored.filter((name) => name === norm || name.endsWith(`.${norm}`));
  if (anchor === undefined || others.length > 0) return asStored;
  const before = anchor.slice(0, -norm.length);
  const lacksBase = before !== base && !before.endsWith(`.${base}`);
  const wrapper = lacksBase ? before : before.slice(0, -base.length);
  if (!stored.every((name) => name.startsWith(wrapper))) return asStored;
  return {
    rename: (name) => {
      if (!name.startsWith(wrapper)) return name;
      const own = name.slice(wrapper.length);
      return lacksBase && !own.startsWith(`${head}.`) && !own.startsWith(base) ? base + own : own;
    },
    wrapper,
    lacksBase,
  };
}

/**
 * Buffers that some versions of transformers stored beside the weights: rotary frequencies and tables, causal masks,
 * positions. They follow from config.json.
 */
const BUFFER_NAME =
  /(?:^|\.)(?:rotary_emb\.(?:inv_freq|original_inv_freq|cos_cached|sin_cached)|(?:self_attn|attn|attention)\.(?:bias|masked_bias|causal_mask)|position_ids)$/;

/** Dtypes that no weight of a model has: truth values and 64-bit integers. */
const BUFFER_DTYPES: ReadonlySet<string> = new Set(['BOOL', 'I64']);

/** Whether a stored tensor is known not to be a weight, by its name or by its dtype. */
export function isBuffer({ name, dtype }: Pick<StoredTensor, 'name'> & Partial<Pick<StoredTensor, 'dtype'>>): boolean {
  return BUFFER_NAME.test(name) || (dtype !== undefined && BUFFER_DTYPES.has(dtype));
}
