import type { Family } from './family.js';
import { MISTRAL } from './mistral.js';

/**
 * Ministral: a Mistral whose `layer_types` say which layers have the sliding window. Its releases have model_type
 * `mistral`, which transformers from 4.57 on reads as `ministral` if there are `layer_types`. Its stock form says
 * `mistral` too, since other runtimes know no `ministral`.
 */
export const MINISTRAL: Family = {
  ...MISTRAL,
  id: 'ministral',
  architecture: 'MinistralForCausalLM',
  modelling: {
    classPrefix: 'Ministral',
    module: 'ministral',
    since: { version: '4.57', described: 'a Mistral with a sliding window in some of its layers' },
  },
  claims: (config, modelType) => modelType === MISTRAL.id && Object.hasOwn(config, 'layer_types'),
};
