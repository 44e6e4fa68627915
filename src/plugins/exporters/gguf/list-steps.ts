import { isRecord } from '../../../engine/files/read-json.js';

/** An object of tokenizer.json. */
export type Json = Readonly<Record<string, unknown>>;

/** A normalizer, pre-tokenizer or post-processor; or, of a sequence of them, those that it holds under `key`. */
export function listSteps(step: unknown, key: 'normalizers' | 'pretokenizers' | 'processors'): readonly Json[] {
  if (!isRecord(step)) return [];
  return step['type'] === 'Sequence' ? listRecords(step[key]).flatMap((part) => listSteps(part, key)) : [step];
}

/** The objects of a list; none if it is none. */
export function listRecords(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}
