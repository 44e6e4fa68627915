import type { Family } from './family.js';
import { MISTRAL } from './mistral.js';

/**
 * Ministral: a Mistral whose `layer_types` say which layers have the sliding window. Its releases say `mistral`, which
 * transformers from 4.57 on reads as a `ministral` where there are `layer_types`; so do we, and so its stock form says it again: other
 * runtimes know no `ministral`.
 */
export const MINISTRAL: Family = { ...MISTRAL, id: 'ministral', architecture: 'MinistralForCausalLM' };
