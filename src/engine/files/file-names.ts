/** The configuration of a checkpoint. */
export const CONFIG_FILE = 'config.json';

/** All weights of a checkpoint in one file. */
export const SINGLE_FILE = 'model.safetensors';

/** Says which file holds each tensor if the weights lie in several. */
export const INDEX_FILE = 'model.safetensors.index.json';

/** The tokenizer of a checkpoint, in the format of Hugging Face's tokenizers library. */
export const TOKENIZER_FILE = 'tokenizer.json';
