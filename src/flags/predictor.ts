import { enumForm } from './enum-form.js';
import type { RequestFlag } from './request-flag.js';
import { pluginFlags } from './plugin.js';

/** Flags that choose the predictor and what it sees. */
export function predictorFlags(): RequestFlag[] {
  return [
    ...pluginFlags('predictor', 'predictor', 'predicts quality from pruning rates'),
    {
      flags: '--features <FEATURES>',
      summary: 'what the predictor sees of an architecture: rates, or rates-and-errors',
      field: 'features',
      ...enumForm('PREDICTOR_FEATURES', ['rates', 'rates-and-errors']),
    },
  ];
}
