import { PredictorFeatures } from '../../client/index.js';
import { parseChoice } from './values.js';

/** `--features <FEATURES>`: its spelling, its meaning, and its parser. */
export const FEATURES_FLAG = [
  '--features <FEATURES>',
  'rates or rates-and-errors: what the predictor sees of an architecture (default: rates)',
  parseChoice({ rates: PredictorFeatures.RATES, 'rates-and-errors': PredictorFeatures.RATES_AND_ERRORS }),
] as const;
