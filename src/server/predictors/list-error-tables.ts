import type { ErrorTable } from '../../core/features/error-table.js';
import type { Dimension } from '../../core/space/search-space.js';
import { sumErrors, type LayerErrors } from '../../search/controls/calibration-error.js';

/**
 * The calibration errors of a recipe as features: for each dimension of key-value groups or channels, the error by kept
 * count, each layer's relative to that of keeping nothing, summed over tied layers. Query heads inside groups have
 * none.
 *
 * @param errors one entry per layer of the model
 */
export function listErrorTables(dimensions: readonly Dimension[], errors: readonly LayerErrors[]): ErrorTable[] {
  return dimensions.filter(hasErrors).map((dimension) => ({
    dimension: dimension.name,
    errors: Float32Array.from({ length: dimension.size + 1 }, (_, kept) => sumErrors(dimension, errors, kept)),
  }));
}

/** Whether the calibration errors of a dimension's widths are known. */
export function hasErrors({ kind }: Dimension): boolean {
  return kind !== 'query_heads_per_kv';
}
