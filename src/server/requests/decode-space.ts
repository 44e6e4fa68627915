import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { ModelShape } from '../../core/model/shape.js';
import { createSearchSpace, type SearchSpaceOptions } from '../../core/space/create-search-space.js';
import { narrowSpace } from '../../core/space/narrow-space.js';
import { withLimits } from '../../core/space/limit-space.js';
import type { ShapeLimits } from '../../core/space/shape-limits.js';
import type { DimensionKind, SearchSpace } from '../../core/space/search-space.js';
import {
  ExportTarget,
  type DimensionKind as DimensionKindCode,
  type SearchSpaceSpec,
} from '../../gen/prunecast/v1/common.js';
import { KIND_CODES } from './codes.js';
import { DEFAULT_SPACE } from './defaults.js';

/** What a space has besides its spec. */
interface SpaceSettings {
  /** The highest rate if the request names none. @default 0.5, or the lowest rate if that is higher */
  readonly maxRate?: number;
  /** @default none */
  readonly limits?: ShapeLimits;
  /** Its path in the request. @default space */
  readonly field?: string;
}

/**
 * The search space of a request.
 *
 * @throws PrunecastError SPACE_INVALID with one violation per field at fault
 */
export function decodeSpace(
  shape: ModelShape,
  spec: SearchSpaceSpec | undefined,
  { maxRate, limits = {}, field = 'space' }: SpaceSettings = {},
): SearchSpace {
  const options = withLimits(decodeSpaceOptions(spec, field), limits);
  const space = createSearchSpace(shape, { ...(maxRate === undefined ? {} : { maxRate }), ...options }, field);
  return spec === undefined || spec.ranges.length === 0 ? space : narrowSpace(space, spec.ranges, `${field}.ranges`);
}

/** The options of a space, with their defaults filled in. If the request names no highest rate, there is none. */
export function decodeSpaceOptions(spec: SearchSpaceSpec | undefined, field = 'space'): SearchSpaceOptions {
  if (spec === undefined) return DEFAULT_SPACE;
  return {
    ...(spec.protectedLayers === undefined ? {} : { protectedLayers: spec.protectedLayers.layers }),
    kinds:
      spec.kinds.length === 0
        ? DEFAULT_SPACE.kinds
        : spec.kinds.map((code, index) => decodeKind(code, `${field}.kinds[${index}]`)),
    minRate: spec.minRate ?? DEFAULT_SPACE.minRate,
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
