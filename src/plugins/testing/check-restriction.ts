import { ok } from 'node:assert/strict';
import type { Architecture, ModelShape } from '../../core/model/shape.js';
import type { ExportSupport } from '../../core/ports/exporter.js';
import { createRng } from '../../core/random.js';
import { createSearchSpace } from '../../core/space/create-search-space.js';
import { COUNT_FIELDS, decodeCounts, DIMENSION_KINDS } from '../../core/space/search-space.js';
import { withLimits } from '../../core/space/limit-space.js';
import type { ShapeLimits } from '../../core/space/shape-limits.js';
import { makeUpShape } from './made-up-model.js';

const LAYER = { kvHeads: 4, queryHeadsPerKv: 2, ffnChannels: 1024 } as const;

/** Sizes of which formats with blocks of values can hold some: those of the made-up model are smaller than a block. */
export const LARGER: ModelShape = {
  ...makeUpShape([LAYER, LAYER, LAYER, LAYER]),
  hidden: 256,
  headDim: 32,
};

/** How many architectures of the restricted space are tried. */
const TRIED = 200;

function listKept({ keepsHalves = [] }: ShapeLimits): readonly number[] {
  return typeof keepsHalves !== 'boolean' ? keepsHalves : keepsHalves ? LARGER.layers.map((_, layer) => layer) : [];
}

/**
 * Throws AssertionError unless all architectures that keep to the limits are supported, and each limit is needed: some
 * that does not keep to it is not.
 */
export function checkRestriction(limits: ShapeLimits, supports: (architecture: Architecture) => ExportSupport): void {
  const { layers } = LARGER;
  const space = createSearchSpace(
    LARGER,
    withLimits({ kinds: DIMENSION_KINDS, protectedLayers: [], maxRate: 1 }, limits),
  );
  const rng = createRng(1);
  for (let tried = 0; tried < TRIED; tried += 1) {
    const architecture = decodeCounts(
      space,
      space.dimensions.map(({ counts, size }) => counts[rng.integer(counts.length)] ?? size),
    );
    if (architecture.every(({ kvHeads, ffnChannels }) => kvHeads + ffnChannels === 0)) continue;
    const supported = supports(architecture);
    ok(
      supported.ok,
      `restrict allows ${JSON.stringify(architecture)}, and supports refuses it: ${supported.ok ? '' : supported.reason}`,
    );
  }
  const isRefused = (architecture: Architecture): boolean => !supports(architecture).ok;
  const change = (fields: Partial<(typeof layers)[number]>, changed = 1): Architecture =>
    layers.map((layer, index) => (index === changed ? { ...layer, ...fields } : layer));
  if (limits.uniform === true)
    ok(
      isRefused(change({ ffnChannels: 512 })),
      'restrict asks for layers that are all alike, and supports takes others',
    );
  else
    for (const layer of listKept(limits))
      ok(
        [change({ ffnChannels: 0 }, layer), change({ kvHeads: 0, queryHeadsPerKv: 0 }, layer)].some(isRefused),
        `restrict asks that layer ${layer} drops no half-block, and supports takes that`,
      );
  for (const kind of DIMENSION_KINDS) {
    const multiple = limits.multipleOf?.[kind] ?? 1;
    const field = COUNT_FIELDS[kind];
    const others = Array.from({ length: LAYER[field] }, (_, index) => index + 1).filter(
      (count) => count % multiple > 0,
    );
    ok(
      multiple === 1 ||
        others.some((count) =>
          [change({ [field]: count }), layers.map((layer) => ({ ...layer, [field]: count }))].some(isRefused),
        ),
      `restrict asks for multiples of ${multiple} ${kind}, and supports takes all counts`,
    );
  }
}
