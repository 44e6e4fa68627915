import type { LayerArchitecture, ModelShape } from '../../core/model/shape.js';
import type { OutputColumn, Unit } from '../../core/ports/criterion.js';
import type { InputStatistics, LayerStatistics } from '../calibration/calibration.js';
import type { AttentionWeights, FfnWeights } from '../forward/layer-weights.js';

/** A layer's weights in the model's own order, and what calibration found of it; undefined where nothing was asked for. */
export interface ScoredLayer {
  readonly own: LayerArchitecture;
  /** undefined for a half-block that the model does not have. */
  readonly attention: AttentionWeights | undefined;
  readonly ffn: FfnWeights | undefined;
  readonly statistics: LayerStatistics | undefined;
}

/** One unit a channel. */
export function listFfnChannels({ hidden }: ModelShape, { own, ffn, statistics }: ScoredLayer): Unit[] {
  if (ffn === undefined) return [];
  return Array.from({ length: own.ffnChannels }, (_, channel) => {
    const column = describeColumn(ffn.down, hidden, channel, statistics?.ffn);
    return { weights: [rowsOf(ffn.gate, hidden, channel, 1), rowsOf(ffn.up, hidden, channel, 1), column.weights], columns: [column] };
  });
}

/** One unit a query head, over the whole layer. */
export function listQueryHeads({ hidden, headDim }: ModelShape, { own, attention, statistics }: ScoredLayer): Unit[] {
  if (attention === undefined) return [];
  return Array.from({ length: own.kvHeads * own.queryHeadsPerKv }, (_, head) => ({
    weights: [rowsOf(attention.query, hidden, head, headDim), rowsOf(attention.output, hidden, head, headDim)],
    columns: Array.from({ length: headDim }, (_, row) => describeColumn(attention.output, hidden, head * headDim + row, statistics?.attention)),
  }));
}

/** One unit a key-value group: its own rows of k and v, and all of its query heads. */
export function listKvGroups(shape: ModelShape, layer: ScoredLayer): Unit[] {
  const { own, attention } = layer;
  if (attention === undefined) return [];
  const heads = listQueryHeads(shape, layer);
  return Array.from({ length: own.kvHeads }, (_, group) => {
    const members = heads.slice(group * own.queryHeadsPerKv, (group + 1) * own.queryHeadsPerKv);
    return {
      weights: [
        rowsOf(attention.key, shape.hidden, group, shape.headDim),
        rowsOf(attention.value, shape.hidden, group, shape.headDim),
        ...members.flatMap(({ weights }) => weights),
      ],
      columns: members.flatMap(({ columns }) => columns),
    };
  });
}

/** Block number `block` of `rows` rows. */
function rowsOf(matrix: Float32Array, hidden: number, block: number, rows: number): Float32Array {
  return matrix.subarray(block * rows * hidden, (block + 1) * rows * hidden);
}

/** Without statistics the moments are NaN, so that a criterion that forgot to ask for them cannot go unnoticed. */
function describeColumn(transposed: Float32Array, hidden: number, row: number, statistics: InputStatistics | undefined): OutputColumn {
  return { weights: rowsOf(transposed, hidden, row, 1), mean: statistics?.mean[row] ?? NaN, meanSquare: statistics?.meanSquare[row] ?? NaN };
}
