import { PrunecastError, type FieldViolation } from '../errors/prunecast-error.js';
import type { ModelShape } from '../model/shape.js';
import { rememberCounts } from './dimension-counts.js';
import { defaultProtectedLayers } from './protected-layers.js';
import { COUNT_FIELDS, DIMENSION_KINDS, type Dimension, type DimensionKind, type SearchSpace } from './search-space.js';

/** How a search space is made; every field has a default. */
export interface SearchSpaceOptions {
  /** Which kinds take part. @default kv_heads and ffn_channels */
  readonly kinds?: readonly DimensionKind[];
  /** Layers that keep everything. @default `defaultProtectedLayers`; none for target `uniform` */
  readonly protectedLayers?: readonly number[];
  /** Runs of this many consecutive prunable layers share one count per kind; the last run may be shorter. @default 1 */
  readonly tieRun?: number;
  /** Pruning rates of every dimension. @default 0 to 0.5 */
  readonly minRate?: number;
  readonly maxRate?: number;
  /** Only rates `minRate`, `minRate + rateStep`, ...; omitted for any count in between. */
  readonly rateStep?: number;
  /** Only counts that are multiples of this. @default 1 */
  readonly multipleOf?: Readonly<Partial<Record<DimensionKind, number>>>;
  /** Whether no half-block is dropped, at no rate; or none of these layers. @default false */
  readonly keepsHalves?: boolean | readonly number[];
  /** `uniform`: all layers are equal, so none is protected, all are tied, and nothing is dropped. @default per-layer */
  readonly target?: 'per-layer' | 'uniform';
}

/**
 * The search space of a model: dimensions layer by layer from the first prunable one, in each layer in the order of
 * `DIMENSION_KINDS`. A tied run also ends where the size changes; a half-block that the checkpoint lacks has no
 * dimension.
 *
 * @param field the path of the options in the request, for the violations
 * @throws PrunecastError SPACE_INVALID with one violation per field at fault
 */
export function createSearchSpace(shape: ModelShape, options: SearchSpaceOptions = {}, field = 'space'): SearchSpace {
  refuse(findViolations(shape, options, field));
  const { kinds = DEFAULT_KINDS, minRate = 0, maxRate = Math.max(0.5, minRate), rateStep, multipleOf = {} } = options;
  const prunable = findPrunableLayers(shape, options);
  const range = { minRate, maxRate };
  const countsOf = rememberCounts();
  const dimensions = groupRuns(
    shape,
    prunable,
    kinds,
    options.target === 'uniform' ? prunable.length : (options.tieRun ?? 1),
  ).map((run) => {
    const rule = {
      multipleOf: multipleOf[run.kind] ?? 1,
      ...(rateStep === undefined ? {} : { rateStep }),
      ...(keepsHalves(run, options) ? { least: 1 } : {}),
    };
    return createDimension(run, { range, rule, counts: countsOf(run, range, rule, options.target) });
  });
  refuse(
    dimensions
      .filter(({ counts }) => counts.length === 0)
      .map(({ name, kind, size, rule }) => ({
        field: `${field}.multiple_of`,
        description: `no multiple of ${rule.multipleOf} lies between rates ${minRate} and ${maxRate} of ${name} (${size} ${kind}): widen the rates or take a smaller multiple`,
      }))
      .slice(0, 1),
  );
  if (dimensions.length === 0)
    throw PrunecastError.ofField(
      field,
      'leaves nothing to prune: take at least one kind and leave a layer unprotected',
      'SPACE_INVALID',
    );
  return { shape, dimensions };
}

const DEFAULT_KINDS = ['kv_heads', 'ffn_channels'] as const;

interface Run {
  readonly kind: DimensionKind;
  readonly layers: readonly number[];
  readonly size: number;
}

function keepsHalves({ layers }: Run, { keepsHalves: kept = false }: SearchSpaceOptions): boolean {
  return typeof kept === 'boolean' ? kept : layers.some((layer) => kept.includes(layer));
}

function createDimension(
  { kind, layers, size }: Run,
  { range, rule, counts }: Pick<Dimension, 'range' | 'rule' | 'counts'>,
): Dimension {
  return { name: `layers.${layers[0]}.${kind}`, kind, layers, size, counts, range, rule };
}

function groupRuns(
  shape: ModelShape,
  prunable: readonly number[],
  kinds: readonly DimensionKind[],
  tieRun: number,
): Run[] {
  const runs: Run[] = [];
  for (let first = 0; first < prunable.length; first += tieRun) {
    const open = new Map<DimensionKind, { kind: DimensionKind; layers: number[]; size: number }>();
    for (const layer of prunable.slice(first, first + tieRun)) {
      for (const kind of DIMENSION_KINDS) {
        const size = shape.layers[layer]?.[COUNT_FIELDS[kind]] ?? 0;
        if (size === 0 || !kinds.includes(kind)) continue;
        const run = open.get(kind);
        if (run?.size === size) run.layers.push(layer);
        else {
          const started = { kind, layers: [layer], size };
          open.set(kind, started);
          runs.push(started);
        }
      }
    }
  }
  return runs.sort(
    (a, b) =>
      (a.layers[0] ?? 0) - (b.layers[0] ?? 0) || DIMENSION_KINDS.indexOf(a.kind) - DIMENSION_KINDS.indexOf(b.kind),
  );
}

function findPrunableLayers(shape: ModelShape, { protectedLayers, target }: SearchSpaceOptions): number[] {
  const kept = new Set(protectedLayers ?? (target === 'uniform' ? [] : defaultProtectedLayers(shape.layers.length)));
  return shape.layers.map((_, layer) => layer).filter((layer) => !kept.has(layer));
}

function findViolations(shape: ModelShape, options: SearchSpaceOptions, field: string): FieldViolation[] {
  const {
    kinds = DEFAULT_KINDS,
    protectedLayers = [],
    tieRun = 1,
    minRate = 0,
    maxRate = 1,
    rateStep,
    multipleOf = {},
    target,
  } = options;
  const last = shape.layers.length - 1;
  const badLayer = protectedLayers.find((layer) => !Number.isInteger(layer) || layer < 0 || layer > last);
  const badMultiple = Object.entries(multipleOf).find(([, value]) => !Number.isInteger(value) || value < 1);
  return [
    kinds.length === 0 && {
      field: `${field}.kinds`,
      description: `is empty; give at least one of ${DIMENSION_KINDS.join(', ')}`,
    },
    badLayer !== undefined && {
      field: `${field}.protected_layers`,
      description: `names layer ${badLayer}; the model has 0 to ${last}`,
    },
    target === 'uniform' &&
      protectedLayers.length > 0 && {
        field: `${field}.protected_layers`,
        description: 'is given with target uniform, where all layers are alike: leave it out, or take target per-layer',
      },
    !(Number.isInteger(tieRun) && tieRun >= 1) && {
      field: `${field}.tie_run`,
      description: `is ${tieRun}; allowed is an integer from 1`,
    },
    !(minRate >= 0 && minRate <= 1) && { field: `${field}.min_rate`, description: `is ${minRate}; allowed is 0 to 1` },
    !(maxRate >= minRate && maxRate <= 1) && {
      field: `${field}.max_rate`,
      description: `is ${maxRate}; allowed is min_rate (${minRate}) to 1`,
    },
    rateStep !== undefined &&
      !(rateStep > 0 && rateStep <= 1) && {
        field: `${field}.rate_step`,
        description: `is ${rateStep}; allowed is above 0 and at most 1`,
      },
    badMultiple !== undefined && {
      field: `${field}.multiple_of.${badMultiple[0]}`,
      description: `is ${badMultiple[1]}; allowed is an integer from 1`,
    },
  ].filter((violation) => violation !== false);
}

function refuse(violations: readonly FieldViolation[]): void {
  if (violations.length === 0) return;
  throw new PrunecastError('SPACE_INVALID', violations.map((v) => `${v.field}: ${v.description}`).join('; '), {
    violations,
  });
}
