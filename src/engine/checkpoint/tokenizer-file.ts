/** The tokenizer of a checkpoint, in the form of Hugging Face's tokenizers library. */
export const TOKENIZER_FILE = 'tokenizer.json';
