import type { Architecture, LayerArchitecture, ModelShape } from '../../core/model/shape.js';
import type { LayerRanking, Ranking } from '../../core/model/units.js';
import { type RankedWeights, stepOf } from '../weights/half-blocks.js';
import { expandOrder, orderQueryHeads, reorderRows, transposeColumns } from '../weights/layer-weights.js';
import { halfOf, type MapPart, OUTPUT_PART, outputOf, readMap } from '../weights/map-parts.js';

/** A linear map of a block, as an architecture keeps it. */
export interface BlockMapRequest {
  readonly layer: number;
  readonly part: MapPart;
  /** The whole architecture: a fit on the stream depends on the layers before. */
  readonly architecture: Architecture;
}

/** A map as a checkpoint stores it. */
export interface BlockMap {
  /**
   * [out, in], units ascending: [hidden, kept rows] of output and down, [kept rows, hidden] of the others. undefined if
   * the half-block leaves nothing or only a bias.
   */
  readonly weight: Float32Array | undefined;
  /** [hidden], of output and down; undefined: none. Those of other maps are never compensated. */
  readonly bias: Float32Array | undefined;
}

/** A compensated map of a half-block, as evaluations use it, in the order in which it is written. */
export async function readBlockMap(
  shape: ModelShape,
  weights: RankedWeights,
  ranking: Ranking,
  { layer, part, architecture }: BlockMapRequest,
): Promise<BlockMap> {
  const own = shape.layers[layer];
  const order = ranking[layer];
  const kept = architecture[layer];
  if (own === undefined || order === undefined || kept === undefined)
    throw new RangeError(`the model has no layer ${layer}`);
  const half = halfOf(part);
  const ready = await weights.prepare(stepOf(half, layer, kept));
  if (ready.kind === 'nothing') return { weight: undefined, bias: undefined };
  if (ready.kind === 'bias') return { weight: undefined, bias: part === OUTPUT_PART[half] ? ready.bias : undefined };
  const rows = listRows(part, { own, order, kept, headDim: shape.headDim });
  const ascending = rows.map((_, place) => place).sort((a, b) => (rows[a] as number) - (rows[b] as number));
  const map = reorderRows(readMap(ready, part), shape.hidden, ascending);
  if (part !== OUTPUT_PART[half]) return { weight: map, bias: undefined };
  const hidden = Array.from({ length: shape.hidden }, (_, column) => column);
  return { weight: transposeColumns(map, shape.hidden, hidden), bias: outputOf(ready).bias };
}

/** The checkpoint's rows (or columns) that a map keeps, in ranked order. */
function listRows(
  part: MapPart,
  {
    own,
    order,
    kept: { kvHeads, queryHeadsPerKv, ffnChannels },
    headDim,
  }: {
    readonly own: LayerArchitecture;
    readonly order: LayerRanking;
    readonly kept: LayerArchitecture;
    readonly headDim: number;
  },
): readonly number[] {
  if (halfOf(part) === 'ffn') return order.ffnChannels.slice(0, ffnChannels);
  return part === 'key' || part === 'value'
    ? expandOrder(order.kvGroups.slice(0, kvHeads), headDim)
    : expandOrder(orderQueryHeads(order, own, queryHeadsPerKv), headDim).slice(0, kvHeads * queryHeadsPerKv * headDim);
}
