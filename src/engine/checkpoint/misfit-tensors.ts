import type { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { TensorSpec } from '../families/list-tensors.js';
import {
  ADVISE_CONVERTING,
  ADVISE_DEQUANTISING,
  ADVISE_GATHERING,
  ADVISE_MERGING,
  ADVISE_UNWRAPPING,
} from '../files/advice.js';
import { CONFIG_FILE, INDEX_FILE } from '../files/file-names.js';
import { malformed, show, unsupported } from '../files/model-errors.js';
import type { StoredTensor, TensorDtype, TensorEntry } from './checkpoint.js';
import { DTYPE_BYTES } from './dtype.js';
import type { StandardNames } from './tensor-names.js';

/*
 * What is wrong with tensors that do not fit their configuration; each kind is recognised by its own signs.
 */

/** Dtypes of integers or truncated numbers: a tensor of such values is part of a quantised weight. */
const QUANTISED = /^(?:F8_|F4|F6_|I8$|U8$|I16$|U16$|I32$|U32$)/;

/**
 * What quantised checkpoints have beside or instead of a `weight`: GPTQ and AWQ, compressed-tensors, bitsandbytes, fp8.
 */
const QUANTISED_NAME =
  /\.(?:qweight|qzeros|scales|g_idx|weight_packed|weight_scale|weight_scale_inv|weight_zero_point|SCB|absmax|quant_map|weight\.quant_state\.\w+)$/;

const LORA_NAME = /\.lora_(?:A|B|embedding_A|embedding_B|magnitude_vector)\b/;

/** A stored tensor as the required one. Throws if its values are of another kind or its shape differs. */
export function requireReadable(
  { name, shape: wanted }: Pick<TensorSpec, 'name' | 'shape'>,
  found: StoredTensor,
): TensorEntry {
  const { file, dtype, shape } = found;
  if (QUANTISED.test(dtype))
    throw unsupported(
      file,
      `dtype ${dtype}`,
      `has dtype ${dtype}, so its weights are quantised; those read are ${Object.keys(DTYPE_BYTES).join(', ')}: ${ADVISE_DEQUANTISING}`,
      { tensor: name },
    );
  if (!isReadable(dtype))
    throw unsupported(
      file,
      `dtype ${dtype.slice(0, 32)}`,
      `has dtype ${show(dtype)}; those read are ${Object.keys(DTYPE_BYTES).join(', ')}: ${ADVISE_CONVERTING}`,
      { tensor: name },
    );
  if (shape.includes(0))
    throw malformed(
      file,
      `has shape ${show(shape)}: it is empty, as DeepSpeed's ZeRO-3 leaves tensors whose parts other processes hold: ${ADVISE_GATHERING}`,
      { tensor: name },
    );
  if (show(shape) !== show(wanted))
    throw malformed(file, `has shape ${show(shape)}; ${CONFIG_FILE} requires ${show(wanted)}`, { tensor: name });
  return { ...found, name, dtype };
}

/** A tensor that is required but is in no file. */
export function describeMissing(
  { name, shape }: Pick<TensorSpec, 'name' | 'shape'>,
  {
    present,
    absent,
    names,
    isHead,
  }: {
    readonly present: readonly StoredTensor[];
    readonly absent: ReadonlyMap<string, string>;
    readonly names: StandardNames;
    readonly isHead: boolean;
  },
): PrunecastError {
  const special = describeForeign(present);
  if (special !== undefined) return special;
  const listed = [...absent.keys()].find((stored) => names.rename(stored) === name);
  if (listed !== undefined) return describeAbsent(listed, absent.get(listed) ?? '');
  const asked = `is required with shape ${show(shape)}, but is in no weight file`;
  if (isHead)
    return malformed(
      CONFIG_FILE,
      `${asked}: a model without a head predicts no tokens. If its embeddings are also its head, set tie_word_embeddings to true; otherwise use the causal language model that it was made from`,
      { tensor: name },
    );
  const similar =
    present.find((stored) => stored.name.endsWith(`.${name}`)) ??
    present.find((stored) => name.endsWith(`.${stored.name}`));
  if (similar === undefined)
    return malformed(
      CONFIG_FILE,
      `${asked}, and none has a name like it${present[0] === undefined ? '' : ` (the first is ${show(present[0].name)})`}`,
      { tensor: name },
    );
  const prefix = similar.name.slice(0, -name.length);
  const found = prefix === '' ? `lacks "${name.slice(0, -similar.name.length)}"` : `has the prefix "${prefix}"`;
  return malformed(
    CONFIG_FILE,
    `${asked}; there is ${show(similar.name)}, which ${found}: a prefix is understood only if all names have it; ${ADVISE_UNWRAPPING}`,
    { tensor: name },
  );
}

/** A stored tensor that the model does not have. */
export function describeStray(
  { name, file }: StoredTensor,
  { family, present }: { readonly family: string; readonly present: readonly StoredTensor[] },
): PrunecastError {
  const entries = name.endsWith('.bias') ? 'attention_bias and mlp_bias' : 'model_type and num_hidden_layers';
  return (
    describeForeign(present) ??
    unsupported(
      file,
      `tensor ${name.slice(0, 80)}`,
      `is not part of a ${family} model with this ${CONFIG_FILE}: correct ${entries} in ${CONFIG_FILE}, or delete the tensor from the file if the model is complete without it`,
      { tensor: name },
    )
  );
}

/** A tensor that is not where an index says. */
export function describeAbsent(name: string, problem: string): PrunecastError {
  return malformed(INDEX_FILE, `should be in ${problem}`, { tensor: name });
}

/** Two stored tensors that mean the same one. */
export function describeTwins({ name, file }: StoredTensor, twin: StoredTensor): PrunecastError {
  return malformed(
    file,
    name === twin.name ? `is in ${twin.file} too` : `means the same weights as ${show(twin.name)}: delete one of them`,
    { tensor: name },
  );
}

/** Signs that the tensors are not those of a plain model at all. */
function describeForeign(present: readonly StoredTensor[]): PrunecastError | undefined {
  const lora = present.find(({ name }) => LORA_NAME.test(name));
  if (lora !== undefined)
    return unsupported(lora.file, 'LoRA weights', `is part of a LoRA adapter, not of a model: ${ADVISE_MERGING}`, {
      tensor: lora.name,
    });
  const quantised = present.find(({ name }) => QUANTISED_NAME.test(name));
  if (quantised !== undefined)
    return unsupported(
      quantised.file,
      'quantised weights',
      `belongs to quantised weights; those read are ${Object.keys(DTYPE_BYTES).join(', ')}: ${ADVISE_DEQUANTISING}`,
      { tensor: quantised.name },
    );
  return undefined;
}

function isReadable(dtype: string): dtype is TensorDtype {
  return Object.hasOwn(DTYPE_BYTES, dtype);
}
