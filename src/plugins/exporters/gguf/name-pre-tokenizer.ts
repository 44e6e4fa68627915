import { isRecord } from '../../../engine/files/read-json.js';
import { cannotHold } from './cannot-hold.js';
import { listSteps, type Json } from './list-steps.js';

/** What both patterns of Llama 3 and Qwen2 begin and end with; they differ in how many digits stay together. */
const pattern = (digits: string): string =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

const LETTERS = { upper: '\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}', lower: '\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}' };

const TEKKEN = `[^\\r\\n\\p{L}\\p{N}]?[${LETTERS.upper}]*[${LETTERS.lower}]+|[^\\r\\n\\p{L}\\p{N}]?[${LETTERS.upper}]+[${LETTERS.lower}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

/** llama.cpp's names of pre-tokenizers (its src/llama-vocab.cpp), by how a text is split before the bytes are spelled. */
const NAMES: readonly { readonly splits: string; readonly ignoresMerges: boolean; readonly name: string }[] = [
  { splits: 'gpt2', ignoresMerges: false, name: 'gpt-2' },
  { splits: 'digits gpt2', ignoresMerges: false, name: 'smollm' },
  { splits: pattern('\\p{N}'), ignoresMerges: false, name: 'qwen2' },
  { splits: pattern('\\p{N}{1,3}'), ignoresMerges: true, name: 'llama-bpe' },
  { splits: pattern('\\p{N}{1,3}'), ignoresMerges: false, name: 'smaug-bpe' },
  { splits: TEKKEN, ignoresMerges: true, name: 'tekken' },
];

/** llama.cpp's name of a byte-level pre-tokenizer. Throws for one that it does not have by these names. */
export function namePreTokenizer(tokenizer: Json): string {
  const steps = listSteps(tokenizer['pre_tokenizer'], 'pretokenizers');
  const splits = steps
    .map(describeSplit)
    .filter((split) => split !== '')
    .join(' ');
  const model = tokenizer['model'];
  const ignoresMerges = isRecord(model) && model['ignore_merges'] === true;
  const found = NAMES.find((known) => known.splits === splits && known.ignoresMerges === ignoresMerges);
  const isByteLevel = steps.at(-1)?.['type'] === 'ByteLevel';
  if (found !== undefined && isByteLevel) return found.name;
  throw cannotHold(
    `tokenizer.json splits texts in a way for which llama.cpp has no known name: ${splits.slice(0, 200)}`,
  );
}

function describeSplit(step: Json): string {
  const { type, pattern: split } = step;
  if (type === 'ByteLevel' && step['add_prefix_space'] !== true) return step['use_regex'] === false ? '' : 'gpt2';
  if (type === 'Digits' && step['individual_digits'] === true) return 'digits';
  const isIsolated = type === 'Split' && step['behavior'] === 'Isolated' && step['invert'] !== true;
  return isIsolated && isRecord(split) && typeof split['Regex'] === 'string' ? split['Regex'] : `${String(type)}?`;
}
