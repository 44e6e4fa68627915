import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { SearchSpaceSpec } from '../../gen/prunecast/v1/common.js';
import { Effort, PairPlan, Preset, SearchRequest } from '../../gen/prunecast/v1/pruning.js';
import { PredictorFeatures } from '../../gen/prunecast/v1/predictor_types.js';
import { CompensationFit, Control } from '../../gen/prunecast/v1/study_types.js';
import { PAPER_RECIPE } from './defaults.js';

/** The fields that the preset PAPER sets as a whole. */
const FIELDS = SearchRequest.fromPartial({
  recipes: [PAPER_RECIPE],
  refine: {},
  predictor: { id: 'xgboost' },
  strategy: { id: 'random' },
  candidates: 10_000n,
  rounds: 1,
  features: PredictorFeatures.RATES,
  compensationFit: CompensationFit.ONE_SHOT,
  controls: [Control.UNIFORM_PAPER, Control.UNIFORM_BEST],
  effort: Effort.UNSPECIFIED,
});
const PINNED = [
  'recipes',
  'refine',
  'predictor',
  'features',
  'strategy',
  'candidates',
  'rounds',
  'compensationFit',
  'controls',
  'effort',
] as const satisfies readonly (keyof SearchRequest)[];

/** The parts that it sets of two other fields. */
const SPACE = { minRate: 0.1, maxRate: 0.5, rateStep: 0.1 };
const PAIRS = { count: 525, tiedCount: 400, sparseCount: 0, nearCount: 0, tieRun: 4, band: 1, insideCount: 0 };

/**
 * The request with the values of its preset. PAPER is the procedure of arXiv 2309.09507: 400 pairs with runs of 4 tied
 * layers and 125 free ones on a grid of rates from 0.1 to 0.5 (as many as the space has), boosted trees, the default
 * refinement, 10,000 random candidates predicted, and 18 verified along a curve of sizes. Texts, windows, fidelities,
 * protected layers, budgets, seed and output are the caller's own.
 *
 * @throws PrunecastError INVALID_REQUEST for a field that the preset sets
 */
export function applyPreset(request: SearchRequest): SearchRequest {
  if (request.preset !== Preset.PAPER) return request;
  refuseSet(request, PINNED, '');
  refuseSet(request.space, Object.keys(SPACE), 'space.');
  refuseSet(request.pairs, Object.keys(PAIRS), 'pairs.');
  return {
    ...request,
    ...Object.fromEntries(PINNED.map((field) => [field, FIELDS[field]])),
    space: { ...(request.space ?? SearchSpaceSpec.fromPartial({})), ...SPACE },
    pairs: { ...(request.pairs ?? PairPlan.fromPartial({})), ...PAIRS },
  };
}

function refuseSet(message: object | undefined, fields: readonly string[], path: string): void {
  const values = new Map(Object.entries(message ?? {}));
  const set = fields.find((field) => {
    const value: unknown = values.get(field);
    return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== 0;
  });
  if (set !== undefined)
    throw PrunecastError.ofField(
      `${path}${toSnakeCase(set)}`,
      'is set, and the preset PAPER sets it too: leave one of them out',
    );
}

function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
