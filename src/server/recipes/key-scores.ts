import { fileURLToPath } from 'node:url';
import { digestFile, digestBytes, digestOf } from '../../engine/files/digest.js';
import type { LanguageModel } from '../../engine/language-model.js';
import { SCORES_REVISION } from '../../engine/ranking/unit-scores.js';
import { workerUrl } from '../../engine/workers/worker-url.js';
import { VERSION } from '../config/version.js';
import { isCalibrated } from '../requests/decode-recipe.js';
import type { ResolvedRecipe } from '../requests/recipe.js';

/**
 * A digest of all that a recipe's scores depend on: the weights, the criterion with its module (so that a criterion
 * under development never gets the scores of its earlier code), options, seed, calibration token ids and engine.
 * Compensations change no score.
 */
export async function keyScores(
  { checkpoint }: LanguageModel,
  { criterion, calibration, rankingDigest }: ResolvedRecipe,
): Promise<string> {
  const moduleUrl = workerUrl(criterion.moduleUrl); // the module that is loaded in fact
  return digestOf({
    engine: [VERSION, SCORES_REVISION],
    checkpoint: checkpoint.digest,
    criterion: criterion.plugin.version,
    module: moduleUrl.protocol === 'file:' ? await digestFile(fileURLToPath(moduleUrl)) : moduleUrl.href,
    ranking: rankingDigest,
    calibration:
      isCalibrated(criterion.plugin) && calibration !== undefined ? calibration.sequences.map(digestBytes) : null,
  });
}
