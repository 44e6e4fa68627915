/*
 * What to do about a checkpoint that cannot be read as it is. Each advice names one command of a well-known tool.
 * FOLDER is the checkpoint, NEW is a folder to create.
 */

/** One line of transformers that loads a checkpoint and saves it again. */
const saveAgain = (between: string): string =>
  `python -c "from transformers import AutoModelForCausalLM as M; M.from_pretrained('FOLDER')${between}.save_pretrained('NEW')"`;

/** For weights in a format that transformers loads and this project does not. */
export const ADVISE_CONVERTING = `convert it: ${saveAgain('')}`;

/** For quantised weights. */
export const ADVISE_DEQUANTISING = `take the checkpoint that it was made from, or dequantise it: ${saveAgain('.dequantize()')}`;

/** For an adapter, or for a checkpoint with adapter weights beside those of the model. */
export const ADVISE_MERGING =
  "merge it into its base model: python -c \"from peft import AutoPeftModelForCausalLM as M; M.from_pretrained('FOLDER').merge_and_unload().save_pretrained('NEW')\"";

/** For the output of a DeepSpeed training run. */
export const ADVISE_GATHERING =
  "gather it from the run's own folder: python zero_to_fp32.py FOLDER NEW --safe_serialization";

/** For tensors some of whose names come from a wrapper. */
export const ADVISE_UNWRAPPING =
  "save the model inside the wrapper: model.module.save_pretrained('NEW'), or model._orig_mod of a compiled one";

/** For a file that git-lfs has not downloaded. */
export const ADVISE_FETCHING = 'fetch it: git lfs pull';
