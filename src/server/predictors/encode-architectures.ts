import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Architecture } from '../../core/model/shape.js';
import { validateArchitecture } from '../../core/model/validate-architecture.js';
import type { EncodingBatch } from '../../core/pairs.js';
import {
  COUNT_FIELDS,
  decodeCounts,
  DIMENSION_KINDS,
  encodeCounts,
  encodePoints,
  type DimensionKind,
  type SearchSpace,
} from '../../core/space/search-space.js';

/**
 * The encodings of architectures in a space, one row each. A count need not be one that the space allows.
 *
 * @param field the path of the architectures in the request
 * @throws PrunecastError ARCHITECTURE_INVALID for one that does not fit the model, or that no point of the space has: a
 * layer keeps less that is no dimension, or tied layers keep different counts
 */
export function encodeArchitectures(
  space: SearchSpace,
  architectures: readonly Architecture[],
  field: string,
): EncodingBatch {
  return encodePoints(
    space,
    architectures.map((architecture, row) => {
      const path = `${field}[${row}]`;
      validateArchitecture(space.shape, architecture, path);
      const counts = encodeCounts(space, architecture);
      requireSame(space, architecture, decodeCounts(space, counts), path);
      return counts;
    }),
  );
}

/** @param encoded what the space makes of the architecture */
function requireSame(space: SearchSpace, architecture: Architecture, encoded: Architecture, path: string): void {
  for (const [index, layer] of architecture.entries())
    for (const kind of DIMENSION_KINDS) {
      const [asked, kept] = [layer[COUNT_FIELDS[kind]], encoded[index]?.[COUNT_FIELDS[kind]]];
      if (asked !== kept)
        throw PrunecastError.ofField(
          `${path}.layers[${index}].${kind}`,
          `is ${asked}; ${describeKept(space, index, kind)} ${kept}`,
          'ARCHITECTURE_INVALID',
        );
    }
}

function describeKept({ dimensions }: SearchSpace, layer: number, kind: DimensionKind): string {
  const tied = dimensions.find((dimension) => dimension.kind === kind && dimension.layers.includes(layer));
  return tied === undefined
    ? `this is no dimension of the predictor's space: the layer keeps all its`
    : `the predictor's space ties it to layer ${tied.layers[0]}, which keeps`;
}
