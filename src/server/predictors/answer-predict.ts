import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { countRows, type EncodingBatch } from '../../core/pairs.js';
import type { Predictor } from '../../gen/prunecast/v1/predictor_types.js';
import type { PredictRequest, PredictResponse } from '../../gen/prunecast/v1/pruning.js';
import { MAX_MESSAGE_BYTES, MAX_PREDICT_ROWS } from '../config/limits.js';
import { decodeArchitecture } from '../requests/decode-architecture.js';
import { decodeEncodings } from '../requests/decode-encodings.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';
import type { StudyRecords } from '../records/study-records.js';
import { describePredicted } from './describe-predicted.js';
import { encodeArchitectures } from './encode-architectures.js';
import type { FittedPredictors } from './fitted-predictors.js';
import { INTERVAL_COVERAGE, isOutside, listOutOfRange, predictMetrics } from './predict-metrics.js';
import { findPredictorStudy, type PredictorStudy } from './predictor-study.js';
import { withRecipe } from './with-recipe.js';

export interface PredictServices {
  readonly predictors: FittedPredictors;
  readonly plugins: PluginLookup;
  readonly studies: Pick<StudyRecords, 'find' | 'trials'>;
}

/** The predictions of a fitted predictor for a batch of architectures, in the metric's own unit. */
export async function answerPredict(
  { predictors, plugins, studies }: PredictServices,
  request: PredictRequest,
  signal: AbortSignal,
): Promise<PredictResponse> {
  const open = await predictors.open(request.predictorId, signal);
  const study = await findPredictorStudy(studies, open.predictor);
  const { batch, field } = readBatch(request, open.predictor, study);
  requireRoom(batch, open.predictor, field);
  return {
    predictorId: open.predictor.id,
    predictions: await predictMetrics(plugins, open, withRecipe(batch, open.predictor, request.recipeDigest), signal),
    outOfRange: listOutOfRange(batch, open.predictor),
    intervalCoverage: INTERVAL_COVERAGE,
    ...(await describePredicted(studies, study, batch)),
  };
}

/** The rows of a request, and the field that holds them. */
function readBatch(
  { encodings, architectures }: PredictRequest,
  { dimensions }: Predictor,
  study: PredictorStudy | undefined,
): { readonly batch: EncodingBatch; readonly field: string } {
  if (architectures.length === 0)
    return { batch: decodeEncodings(encodings, dimensions, MAX_PREDICT_ROWS), field: 'encodings.rates' };
  const field = 'architectures';
  if (encodings !== undefined) throw PrunecastError.ofField(field, 'are given beside encodings: send one of the two');
  const space = study?.openSpace();
  if (space === undefined)
    throw PrunecastError.ofField(
      field,
      "cannot be encoded: this server does not have the study of the predictor's pairs; send encodings, in the order of dimensions that GetPredictor names",
      'STUDY_NOT_FOUND',
    );
  return { batch: encodeArchitectures(space, architectures.map(decodeArchitecture), field), field };
}

/** Bytes per row and metric: mean, deviation and the ends of the interval. */
const PREDICTION_BYTES = 4 * 8;

/** Bytes per row: its parameters. */
const PARAMETER_BYTES = 9;

/**
 * Bytes per flagged row: its number and the message around it. Each name takes its text and two bytes, a long one
 * three.
 */
const FLAG_BYTES = 16;
const NAME_BYTES = 3;

/** Room for the ids and names of an answer. */
const ROOM = MAX_MESSAGE_BYTES - 64 * 1024;

/**
 * Refuses a batch whose answer would not fit a message, before anything is predicted: a flagged row names every
 * dimension that is out of range.
 */
function requireRoom(
  batch: EncodingBatch,
  { dimensions, metrics, minRates, maxRates }: Predictor,
  field: string,
): void {
  const names = dimensions.map((name) => Buffer.byteLength(name) + NAME_BYTES);
  const rowBytes = PREDICTION_BYTES * metrics.length + PARAMETER_BYTES;
  const rows = countRows(batch);
  let [bytes, flagged] = [rowBytes * rows, 0];
  for (let row = 0; row < rows; row++) {
    const outside = names.reduce(
      (sum, name, column) =>
        isOutside(batch.rates[row * batch.columns + column] as number, minRates[column], maxRates[column])
          ? sum + name
          : sum,
      0,
    );
    if (outside === 0) continue;
    flagged += 1;
    bytes += FLAG_BYTES + outside;
  }
  if (bytes <= ROOM) return;
  const most = Math.max(1, Math.floor(ROOM / (rowBytes + FLAG_BYTES + names.reduce((sum, name) => sum + name, 0))));
  const description = `has ${rows} rows, ${flagged} of them outside the range of the pairs, with their dimensions named in the answer: its ${bytes} bytes do not fit a message of ${MAX_MESSAGE_BYTES}; ${most} rows always do, so send pages of that many`;
  throw new PrunecastError('MESSAGE_TOO_LARGE', `${field}: ${description}`, {
    metadata: { rows: String(rows), most: String(most) },
    violations: [{ field, description }],
  });
}
