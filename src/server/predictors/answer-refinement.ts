import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { SearchSpace } from '../../core/space/search-space.js';
import type { ProposeRefinementRequest, ProposeRefinementResponse } from '../../gen/prunecast/v1/predictor.js';
import type { Predictor } from '../../gen/prunecast/v1/predictor_types.js';
import { proposeRefinement, type RangeChange } from '../../search/fit/propose-refinement.js';
import { encodeRangeChange } from '../encoding/range-change.js';
import type { OpenModels } from '../models/open-models.js';
import { requireText } from '../requests/fields.js';
import { decodeRefinement } from '../requests/decode-refinement.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';
import { resolveTargets } from '../requests/resolve-targets.js';
import { decodeSpace } from '../requests/decode-space.js';
import { findMetricPlace, readImportances, traceEffects } from './explain-predictor.js';
import type { FittedPredictors } from './fitted-predictors.js';

export interface RefinementServices {
  readonly predictors: FittedPredictors;
  readonly models: OpenModels;
  readonly plugins: PluginLookup;
}

/**
 * Proposes a range for every dimension of a space, from a predictor's importances and its effect curves over that
 * space.
 *
 * @throws PrunecastError PREDICTOR_NOT_FOUND, PREDICTOR_FAILED, SPACE_INVALID, INVALID_REQUEST, those of models, or the
 * signal's reason
 */
export async function answerRefinement(
  { predictors, models, plugins }: RefinementServices,
  request: ProposeRefinementRequest,
  signal: AbortSignal,
): Promise<ProposeRefinementResponse> {
  const open = await predictors.open(requireText(request.predictorId, 'predictor_id'), signal);
  const options = decodeRefinement(request.refine);
  const { language } = await models.open(requireText(request.model, 'model'));
  requireSameCheckpoint(open.predictor, language.checkpoint.digest, 'model');
  const { limits } = resolveTargets({ plugins, shape: language.shape }, request, []);
  const space = decodeSpace(language.shape, request.space, { limits });
  requireSameDimensions(open.predictor, space, 'space');
  const place = findMetricPlace(open, request.metric);
  const importances = await readImportances(predictors, open, place);
  const changes =
    options === undefined
      ? space.dimensions.map(stay)
      : proposeRefinement(
          {
            space,
            importances,
            effects: await traceEffects(predictors, open, place, {
              ranges: space.dimensions.map(({ range }) => range),
              signal,
            }),
          },
          options,
        );
  return { ranges: changes.map(encodeRangeChange) };
}

/**
 * Refuses a predictor of other weights. If its pairs name no checkpoint, the caller's choice is taken. Throws
 * INVALID_REQUEST.
 */
export function requireSameCheckpoint({ id, model, checkpointDigest }: Predictor, digest: string, field: string): void {
  if (checkpointDigest === '' || checkpointDigest === digest) return;
  throw PrunecastError.ofField(
    field,
    `has other weights than the checkpoint that ${id} was fitted for (${model}, digest ${checkpointDigest})`,
  );
}

/** Refuses a space whose encoding differs from the predictor's. Throws SPACE_INVALID. */
export function requireSameDimensions({ id, dimensions }: Predictor, space: SearchSpace, field: string): void {
  const names = space.dimensions.map(({ name }) => name);
  if (names.length === dimensions.length && names.every((name, index) => name === dimensions[index])) return;
  const differs = names.find((name, index) => name !== dimensions[index]) ?? dimensions[names.length];
  throw PrunecastError.ofField(
    field,
    `has ${names.length} dimensions, ${id} has ${dimensions.length}; they differ at ${differs}: protect the same layers and take the same kinds and ties`,
    'SPACE_INVALID',
  );
}

function stay({ name, range }: SearchSpace['dimensions'][number]): RangeChange {
  return { dimension: name, before: range, after: range, importance: undefined, slope: 0, reason: 'fixed' };
}
