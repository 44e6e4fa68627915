import type { Budget } from '../../core/budget/budget.js';
import { measureCost } from '../../core/budget/cost-model.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Architecture, ModelShape } from '../../core/model/shape.js';
import { createSearchSpace, type SearchSpaceOptions } from '../../core/space/create-search-space.js';
import { narrowSpace } from '../../core/space/narrow-space.js';
import type { Dimension, DimensionKind, SearchSpace } from '../../core/space/search-space.js';
import {
  BudgetKind,
  DimensionKind as DimensionKindCode,
  ExportTarget,
  type Cost,
  type Dimension as DimensionMessage,
  type SearchSpaceSpec,
} from '../../gen/prunecast/v1/common.js';
import { createCostModel, type CostSpec } from '../../core/budget/cost-spec.js';

/**
 * The search space of a request.
 *
 * @param defaults what the space takes where the request is silent
 * @param field the space's path in the request
 * @throws PrunecastError SPACE_INVALID with one violation a field at fault
 */
export function decodeSpace(
  shape: ModelShape,
  spec: SearchSpaceSpec | undefined,
  defaults: SearchSpaceOptions = {},
  field = 'space',
): SearchSpace {
  const space = createSearchSpace(shape, { ...defaults, ...decodeSpaceOptions(spec, field) }, field);
  return spec === undefined || spec.ranges.length === 0 ? space : narrowSpace(space, spec.ranges, `${field}.ranges`);
}

export function encodeDimension({ name, kind, layers, size, counts }: Dimension): DimensionMessage {
  return {
    name,
    kind: KIND_CODES[kind],
    layers: [...layers],
    size,
    minCount: counts[0] ?? size,
    maxCount: counts.at(-1) ?? size,
    choices: counts.length,
  };
}

/**
 * The costs that every answer states: parameters, weight bytes as they are written, KV-cache bytes per token at two bytes a
 * number, FLOPs per token; and the latency by the table of each budget that limits it.
 *
 * @param exported the model's sizes with the biases that the exported one has beside its own
 */
export function encodeCosts(
  shape: ModelShape,
  architecture: Architecture,
  budgets: readonly Budget[] = [],
  exported: ModelShape = shape,
): Cost[] {
  const latencies = budgets.flatMap(({ cost }) =>
    cost.kind === 'latency_ms' ? [[BudgetKind.LATENCY_MS, cost] as const] : [],
  );
  return [...STATED_COSTS, ...latencies].map(([kind, spec]) => {
    const [model, dense] = [createCostModel(exported, spec), createCostModel(shape, spec)];
    return {
      kind,
      value: measureCost(model, architecture) / model.perUnit,
      denseValue: measureCost(dense, shape.layers) / dense.perUnit,
      measured: undefined,
    };
  });
}

const STATED_COSTS = [
  [BudgetKind.PARAMETERS, { kind: 'parameters' }],
  [BudgetKind.WEIGHT_BYTES, { kind: 'weight_bytes' }],
  [BudgetKind.KV_CACHE_BYTES_PER_TOKEN, { kind: 'kv_cache_bytes_per_token', bytesPerValue: 2 }],
  [BudgetKind.FLOPS_PER_TOKEN, { kind: 'flops_per_token', context: 0 }],
] as const satisfies readonly (readonly [BudgetKind, CostSpec])[];

const KIND_CODES = {
  kv_heads: DimensionKindCode.KV_HEADS,
  query_heads_per_kv: DimensionKindCode.QUERY_HEADS_PER_KV,
  ffn_channels: DimensionKindCode.FFN_CHANNELS,
} as const satisfies Record<DimensionKind, DimensionKindCode>;

/** The options that a request names; those left out are left out. */
export function decodeSpaceOptions(spec: SearchSpaceSpec | undefined, field = 'space'): SearchSpaceOptions {
  if (spec === undefined) return {};
  return {
    ...(spec.protectedLayers === undefined ? {} : { protectedLayers: spec.protectedLayers.layers }),
    ...(spec.kinds.length === 0
      ? {}
      : { kinds: spec.kinds.map((code, index) => decodeKind(code, `${field}.kinds[${index}]`)) }),
    ...(spec.minRate === undefined ? {} : { minRate: spec.minRate }),
    ...(spec.maxRate === undefined ? {} : { maxRate: spec.maxRate }),
    ...(spec.rateStep === undefined ? {} : { rateStep: spec.rateStep }),
    ...(spec.tieRun === undefined ? {} : { tieRun: spec.tieRun }),
    ...(spec.channelMultiple === undefined ? {} : { multipleOf: { ffn_channels: spec.channelMultiple } }),
    ...(spec.target === ExportTarget.UNIFORM ? { target: 'uniform' } : {}),
  };
}

function decodeKind(code: DimensionKindCode, field: string): DimensionKind {
  const kind = Object.entries(KIND_CODES).find(([, known]) => known === code)?.[0] as DimensionKind | undefined;
  if (kind === undefined)
    throw PrunecastError.ofField(field, `names no kind; allowed are ${Object.keys(KIND_CODES).join(', ')}`);
  return kind;
}
