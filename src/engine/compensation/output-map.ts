import type { Architecture, ModelShape } from '../../core/model/shape.js';
import type { Ranking } from '../../core/model/units.js';
import { type RankedWeights, stepOf } from '../weights/half-blocks.js';
import { expandOrder, orderQueryHeads } from '../weights/layer-weights.js';

/** A half-block of an architecture. */
export interface OutputMapRequest {
  readonly layer: number;
  readonly half: 'attention' | 'ffn';
  /** The whole architecture: a fit on the stream depends on the layers before. */
  readonly architecture: Architecture;
}

/** The output map (o or down) as a checkpoint stores it. */
export interface OutputMap {
  /** [hidden, kept rows], units ascending; undefined if the half-block leaves nothing or only a bias. */
  readonly weight: Float32Array | undefined;
  /** [hidden]; undefined: none. */
  readonly bias: Float32Array | undefined;
}

/** The compensated output map of a half-block, as evaluations use it, in the order in which it is written. */
export async function readOutputMap(
  shape: ModelShape,
  weights: RankedWeights,
  ranking: Ranking,
  { layer, half, architecture }: OutputMapRequest,
): Promise<OutputMap> {
  const own = shape.layers[layer];
  const order = ranking[layer];
  const kept = architecture[layer];
  if (own === undefined || order === undefined || kept === undefined)
    throw new RangeError(`the model has no layer ${layer}`);
  const { kvHeads, queryHeadsPerKv, ffnChannels } = kept;
  const ready = await weights.prepare(stepOf(half, layer, kept));
  switch (ready.kind) {
    case 'nothing':
      return { weight: undefined, bias: undefined };
    case 'bias':
      return { weight: undefined, bias: ready.bias };
    case 'attention': {
      const rows = expandOrder(orderQueryHeads(order, own, queryHeadsPerKv), shape.headDim).slice(
        0,
        kvHeads * queryHeadsPerKv * shape.headDim,
      );
      return { weight: toCheckpointOrder(ready.weights.output, rows, shape.hidden), bias: ready.weights.outputBias };
    }
    case 'ffn':
      return {
        weight: toCheckpointOrder(ready.weights.down, order.ffnChannels.slice(0, ffnChannels), shape.hidden),
        bias: ready.weights.downBias,
      };
  }
}

/** From [rows in ranked order, hidden] to [hidden, rows ascending]. */
function toCheckpointOrder(weights: Float32Array, rows: readonly number[], hidden: number): Float32Array {
  const ascending = rows.map((_, place) => place).sort((a, b) => (rows[a] as number) - (rows[b] as number));
  const ordered = new Float32Array(rows.length * hidden);
  ascending.forEach((place, column) => {
    for (let row = 0; row < hidden; row++)
      ordered[row * rows.length + column] = weights[place * hidden + row] as number;
  });
  return ordered;
}
