import type { LayerArchitecture } from '../../core/model/shape.js';
import type { LayerRanking } from '../../core/model/units.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import type { BlockPart } from '../families/family.js';
import { findFamily } from '../families/find-family.js';
import { nameBlockTensor } from '../families/list-tensors.js';

/** Where weights are read from; a `Checkpoint` is one. */
export type WeightSource = Pick<Checkpoint, 'config' | 'tensors' | 'readTensor' | 'readRows'>;

/**
 * The weights of an attention half-block in float32. Key-value groups and their query heads come most important first,
 * so that fewer groups are a prefix of rows. `output` is transposed: [heads * head_dim, hidden], like `query`. The
 * matrices may also be quantised.
 */
export interface AttentionWeights<Matrix = Float32Array> {
  readonly norm: Float32Array;
  readonly query: Matrix;
  readonly key: Matrix;
  readonly value: Matrix;
  readonly output: Matrix;
  readonly queryBias: Float32Array | undefined;
  readonly keyBias: Float32Array | undefined;
  readonly valueBias: Float32Array | undefined;
  readonly outputBias: Float32Array | undefined;
  readonly queryNorm: Float32Array | undefined;
  readonly keyNorm: Float32Array | undefined;
}

/**
 * The weights of an FFN half-block in float32, most important channels first. `down` is transposed: [channels, hidden].
 * The matrices may also be quantised.
 */
export interface FfnWeights<Matrix = Float32Array> {
  readonly norm: Float32Array;
  readonly gate: Matrix;
  readonly up: Matrix;
  readonly down: Matrix;
  readonly gateBias: Float32Array | undefined;
  readonly upBias: Float32Array | undefined;
  readonly downBias: Float32Array | undefined;
}

/**
 * Reads an attention half-block with its heads in the order for `queryHeadsPerKv` kept heads per group: first that many
 * of every group, group by group, then all others. Any number of groups is then a prefix.
 */
export async function loadAttention(
  source: WeightSource,
  layer: number,
  ranking: LayerRanking,
  queryHeadsPerKv: number,
): Promise<AttentionWeights> {
  const { shape } = source.config;
  const { hidden, headDim, biases } = shape;
  const own = shape.layers[layer] as LayerArchitecture;
  const heads = expandOrder(orderQueryHeads(ranking, own, queryHeadsPerKv), headDim);
  const groups = expandOrder(ranking.kvGroups, headDim);
  const read = openLayer(source, layer);
  const rows = async (part: BlockPart, order: readonly number[]): Promise<Float32Array> =>
    reorderRows(await read(part), hidden, order);
  const bias = async (part: BlockPart, order: readonly number[]): Promise<Float32Array | undefined> =>
    biases.queryKeyValue ? reorderRows(await read(part, 'bias'), 1, order) : undefined;
  return {
    norm: await read('attentionNorm'),
    query: await rows('query', heads),
    key: await rows('key', groups),
    value: await rows('value', groups),
    output: transposeColumns(await read('output'), heads.length, heads),
    queryBias: await bias('query', heads),
    keyBias: await bias('key', groups),
    valueBias: await bias('value', groups),
    outputBias: biases.attentionOutput ? await read('output', 'bias') : undefined,
    queryNorm: shape.queryKeyNorms ? await read('queryNorm') : undefined,
    keyNorm: shape.queryKeyNorms ? await read('keyNorm') : undefined,
  };
}

/** Reads an FFN half-block with its channels in this order. */
export async function loadFfn(source: WeightSource, layer: number, ranking: LayerRanking): Promise<FfnWeights> {
  const { hidden, biases } = source.config.shape;
  const order = ranking.ffnChannels;
  const read = openLayer(source, layer);
  const bias = async (part: BlockPart): Promise<Float32Array | undefined> =>
    biases.ffn ? reorderRows(await read(part, 'bias'), 1, order) : undefined;
  return {
    norm: await read('ffnNorm'),
    gate: reorderRows(await read('gate'), hidden, order),
    up: reorderRows(await read('up'), hidden, order),
    down: transposeColumns(await read('down'), order.length, order),
    gateBias: await bias('gate'),
    upBias: await bias('up'),
    downBias: biases.ffn ? await read('down', 'bias') : undefined,
  };
}

/** The constant, [hidden], that is left of a half-block which the checkpoint has dropped. */
export function loadLeftBias(source: WeightSource, layer: number, half: 'attention' | 'ffn'): Promise<Float32Array> {
  return openLayer(source, layer)(half === 'attention' ? 'output' : 'down', 'bias');
}

/**
 * All query heads of a layer, numbered over the layer: the first `kept` of each group, group by group, then the others.
 */
export function orderQueryHeads(ranking: LayerRanking, own: LayerArchitecture, kept: number): number[] {
  const headsOf = (group: number, from: number, to: number): number[] =>
    (ranking.queryHeads[group] ?? []).slice(from, to).map((head) => group * own.queryHeadsPerKv + head);
  return [
    ...ranking.kvGroups.flatMap((group) => headsOf(group, 0, kept)),
    ...ranking.kvGroups.flatMap((group) => headsOf(group, kept, own.queryHeadsPerKv)),
  ];
}

function openLayer(
  source: WeightSource,
  layer: number,
): (part: BlockPart, kind?: 'weight' | 'bias') => Promise<Float32Array> {
  const family = findFamily(source.config.shape.family);
  return (part, kind = 'weight') => source.readTensor(nameBlockTensor(family, layer, part, kind));
}

/** The rows of a [rows, length] matrix in another order; the matrix itself if the order changes nothing. */
export function reorderRows(matrix: Float32Array, length: number, order: readonly number[]): Float32Array {
  if (isIdentity(order, matrix.length / length)) return matrix;
  const reordered = new Float32Array(order.length * length);
  order.forEach((row, place) => reordered.set(matrix.subarray(row * length, (row + 1) * length), place * length));
  return reordered;
}

/** The columns of a [rows, columns] matrix in another order, as rows: [order.length, rows]. */
export function transposeColumns(matrix: Float32Array, columns: number, order: readonly number[]): Float32Array {
  const rows = matrix.length / columns;
  const transposed = new Float32Array(order.length * rows);
  // In tiles: both sides of a tile stay in the first-level cache.
  for (let place = 0; place < order.length; place += TILE) {
    const end = Math.min(place + TILE, order.length);
    for (let top = 0; top < rows; top += TILE) {
      const bottom = Math.min(top + TILE, rows);
      for (let target = place; target < end; target++) {
        const column = order[target] as number;
        for (let row = top; row < bottom; row++)
          transposed[target * rows + row] = matrix[row * columns + column] as number;
      }
    }
  }
  return transposed;
}

/** Expands an order of blocks of `size` neighbouring rows to an order of rows. */
export function expandOrder(order: readonly number[], size: number): number[] {
  return order.flatMap((block) => Array.from({ length: size }, (_, row) => block * size + row));
}

const TILE = 32;

function isIdentity(order: readonly number[], rows: number): boolean {
  return order.length === rows && order.every((row, place) => row === place);
}
