import type { OpenModel } from './open-models.js';

/** What outputs of a model lack because the model lacks it, one sentence each. */
export function listOutputNotes({ tokenizer }: Pick<OpenModel, 'tokenizer'>): string[] {
  return tokenizer === undefined
    ? ['the model has no tokenizer.json, so its outputs have none: what runs them on text needs one']
    : [];
}
