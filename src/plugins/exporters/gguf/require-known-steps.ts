import { isRecord } from '../../../engine/files/read-json.js';
import { cannotHold } from './cannot-hold.js';
import { listSteps, type Json } from './list-steps.js';

/** Stands for a space in the vocabulary. */
const SPACE = '\u2581';

/**
 * Throws EXPORT_UNSUPPORTED for what a tokenizer does and llama.cpp's (src/llama-vocab.cpp) do not. That of characters
 * writes `▁` for each space and merges the whole text; that of bytes takes the text as it is, and texts are in NFC.
 */
export function requireKnownSteps(tokenizer: Json, model: Json, kind: 'bytes' | 'characters'): void {
  const normalizers = listSteps(tokenizer['normalizer'], 'normalizers');
  if (kind === 'bytes') {
    refuseFirst(normalizers, ({ type }) => type === 'NFC');
  } else {
    const splits = listSteps(tokenizer['pre_tokenizer'], 'pretokenizers');
    const marks = normalizers.some(isMark) || splits.some(isMetaspace);
    if (!marks) throw cannotHold('tokenizer.json does not write ▁ for spaces, and llama.cpp does');
    refuseFirst(normalizers, (step) => isMark(step) || (step['type'] === 'Prepend' && step['prepend'] === SPACE));
    // In Gemma's, spaces are gone before it splits at them.
    refuseFirst(splits, (step) => isMetaspace(step) || (step['type'] === 'Split' && normalizers.some(isMark)));
    if (
      splits.some((step) => isMetaspace(step) && step['split'] !== false) &&
      Object.keys(model['vocab'] as Json).some(hasInnerSpace)
    )
      throw cannotHold(
        'tokenizer.json splits at spaces and has tokens with spaces in them, and llama.cpp does not split',
      );
    if (model['ignore_merges'] === true) throw cannotHold('tokenizer.json has ignore_merges, and llama.cpp merges');
  }
  for (const affix of ['continuing_subword_prefix', 'end_of_word_suffix'])
    if (typeof model[affix] === 'string' && model[affix] !== '')
      throw cannotHold(`tokenizer.json has the ${affix} ${JSON.stringify(model[affix])}, and llama.cpp has none`);
}

function refuseFirst(steps: readonly Json[], isKnown: (step: Json) => boolean): void {
  const unknown = steps.find((step) => !isKnown(step));
  if (unknown !== undefined)
    throw cannotHold(`tokenizer.json has a step that llama.cpp lacks: ${JSON.stringify(unknown).slice(0, 200)}`);
}

function isMark({ type, pattern, content }: Json): boolean {
  return type === 'Replace' && isRecord(pattern) && pattern['String'] === ' ' && content === SPACE;
}

function isMetaspace({ type, replacement }: Json): boolean {
  return type === 'Metaspace' && replacement === SPACE;
}

function hasInnerSpace(token: string): boolean {
  return token.lastIndexOf(SPACE) > 0;
}
