import type { LayerArchitecture, ModelShape } from '../../core/model/shape.js';
import type { OutputColumn, Unit } from '../../core/ports/criterion.js';
import type { InputStatistics, LayerStatistics } from '../calibration/calibration.js';
import type { AttentionMatrix, FfnMatrix, LayerGradients, MatrixGradients } from '../gradients/layer-gradients.js';
import type { AttentionWeights, FfnWeights } from '../weights/layer-weights.js';

/** A layer's weights in the model's own order, and what calibration found; undefined: not asked for. */
export interface ScoredLayer {
  readonly own: LayerArchitecture;
  /** undefined: the model does not have the half-block. */
  readonly attention: AttentionWeights | undefined;
  readonly ffn: FfnWeights | undefined;
  readonly statistics: LayerStatistics | undefined;
  /** undefined: not needed. */
  readonly gradients?: LayerGradients;
}

/** One unit per channel. */
export function listFfnChannels({ hidden }: ModelShape, { own, ffn, statistics, gradients }: ScoredLayer): Unit[] {
  if (ffn === undefined) return [];
  return Array.from({ length: own.ffnChannels }, (_, channel) => {
    const column = describeColumn(ffn.down, hidden, channel, statistics?.ffn);
    const slice = ({ gate, up, down }: Matrices<FfnMatrix>): Float32Array[] =>
      [gate, up, down].map((matrix) => rowsOf(matrix, hidden, channel, 1));
    return { weights: slice(ffn), columns: [column], ...sliceGradients(gradients?.ffn, slice) };
  });
}

/** One unit per query head, over the whole layer. */
export function listQueryHeads(
  { hidden, headDim }: ModelShape,
  { own, attention, statistics, gradients }: ScoredLayer,
): Unit[] {
  if (attention === undefined) return [];
  return Array.from({ length: own.kvHeads * own.queryHeadsPerKv }, (_, head) => {
    const slice = ({ query, output }: Matrices<AttentionMatrix>): Float32Array[] =>
      [query, output].map((matrix) => rowsOf(matrix, hidden, head, headDim));
    return {
      weights: slice(attention),
      columns: Array.from({ length: headDim }, (_, row) =>
        describeColumn(attention.output, hidden, head * headDim + row, statistics?.attention),
      ),
      ...sliceGradients(gradients?.attention, slice),
    };
  });
}

/** One unit per key-value group: its own rows of k and v, and all of its query heads. */
export function listKvGroups(shape: ModelShape, layer: ScoredLayer): Unit[] {
  const { own, attention, gradients } = layer;
  if (attention === undefined) return [];
  const heads = listQueryHeads(shape, layer);
  return Array.from({ length: own.kvHeads }, (_, group) => {
    const members = heads.slice(group * own.queryHeadsPerKv, (group + 1) * own.queryHeadsPerKv);
    const slice = ({ key, value }: Matrices<AttentionMatrix>): Float32Array[] =>
      [key, value].map((matrix) => rowsOf(matrix, shape.hidden, group, shape.headDim));
    const shared = sliceGradients(gradients?.attention, slice);
    return {
      weights: [...slice(attention), ...members.flatMap(({ weights }) => weights)],
      columns: members.flatMap(({ columns }) => columns),
      ...(shared === undefined
        ? {}
        : {
            gradients: [...shared.gradients, ...members.flatMap((member) => member.gradients ?? [])],
            meanSquaredGradients: [
              ...shared.meanSquaredGradients,
              ...members.flatMap((member) => member.meanSquaredGradients ?? []),
            ],
          }),
    };
  });
}

type Matrices<Name extends string> = Readonly<Record<Name, Float32Array>>;

/** A unit's gradients, sliced as its weights are. */
function sliceGradients<Name extends string>(
  found: MatrixGradients<Name> | undefined,
  slice: (matrices: Matrices<Name>) => Float32Array[],
): Required<Pick<Unit, 'gradients' | 'meanSquaredGradients'>> | undefined {
  return found === undefined
    ? undefined
    : { gradients: slice(found.gradients), meanSquaredGradients: slice(found.meanSquares) };
}

/** Block number `block` of `rows` rows. */
function rowsOf(matrix: Float32Array, hidden: number, block: number, rows: number): Float32Array {
  return matrix.subarray(block * rows * hidden, (block + 1) * rows * hidden);
}

/** Without statistics the moments are NaN, so that a criterion that forgot to ask for them is noticed. */
function describeColumn(
  transposed: Float32Array,
  hidden: number,
  row: number,
  statistics: InputStatistics | undefined,
): OutputColumn {
  return {
    weights: rowsOf(transposed, hidden, row, 1),
    mean: statistics?.mean[row] ?? NaN,
    meanSquare: statistics?.meanSquare[row] ?? NaN,
  };
}
