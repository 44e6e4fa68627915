import type { Precision } from '../../core/measurement.js';
import { findFamily } from '../families/find-family.js';
import { quantiseMatrix, type QuantisedMatrix } from '../quantisation/quantised-matrix.js';
import { type HeadWeights, splitVocabulary, type HeadReader } from './head-reader.js';
import type { WeightSource } from './layer-weights.js';
import type { WeightStore } from './weight-store.js';

/** `resident`: all weights of the model stay in memory; `streamed`: one layer at a time. */
export type Residence = 'resident' | 'streamed';

/** The embeddings, row by row. */
export interface EmbeddingTable {
  readonly vocabulary: number;
  readonly hidden: number;
  /** The rows of these tokens, [hidden] each. */
  readRows(tokens: ReadonlySet<number>): Promise<ReadonlyMap<number, Float32Array>>;
}

/** The tables of a model with one row per token: its embeddings and its head. */
export interface TokenTables {
  readonly embedding: EmbeddingTable;
  /** In parts. A part is read when it is asked for; only once if all weights stay in memory. */
  head(precision: Precision): Promise<HeadReader>;
  /** All of the head at once, whatever the plan. */
  wholeHead(): Promise<HeadWeights>;
}

/** @param layers `resident`: tables are read whole and stay; `streamed`: only the rows that are asked for are read */
export function openTokenTables(source: WeightSource, store: WeightStore, layers: Residence): TokenTables {
  const { hidden, vocabulary, tiedEmbeddings, family } = source.config.shape;
  const { names } = findFamily(family);
  const headName = tiedEmbeddings ? names.embedding : names.head;
  const readWhole = async (name: string): Promise<Float32Array> => {
    const { values } = await store.get(name, async () => ({ values: await source.readTensor(`${name}.weight`) }));
    return values;
  };
  const readPart = async (name: string, first: number, count: number): Promise<Float32Array> =>
    layers === 'streamed'
      ? source.readRows(`${name}.weight`, first, count)
      : (await readWhole(name)).subarray(first * hidden, (first + count) * hidden);
  const readNorm = (): Promise<Float32Array> => readWhole(names.finalNorm);

  return {
    embedding: {
      vocabulary,
      hidden,
      readRows: async (tokens) => {
        const rows = new Map<number, Float32Array>();
        for (const { first, count } of findRuns(tokens)) {
          const values = await readPart(names.embedding, first, count);
          for (let row = 0; row < count; row++)
            rows.set(first + row, values.subarray(row * hidden, (row + 1) * hidden));
        }
        return rows;
      },
    },
    head: async (precision) => ({
      norm: await readNorm(),
      parts: splitVocabulary(vocabulary, hidden).map((part) => {
        const read = (): Promise<Float32Array> => readPart(headName, part.first, part.tokens);
        const quantise = async (): Promise<QuantisedMatrix> =>
          quantiseMatrix(await read(), part.tokens, 'columns-first');
        return {
          ...part,
          read: precision === 'int8' ? () => store.get(`${headName}:${part.first}:int8`, quantise) : read,
        };
      }),
    }),
    wholeHead: async () => ({ norm: await readNorm(), head: await readWhole(headName) }),
  };
}

/** Runs of neighbouring tokens, whose rows are read at once. */
function findRuns(tokens: ReadonlySet<number>): { first: number; count: number }[] {
  const runs: { first: number; count: number }[] = [];
  for (const token of Array.from(tokens).toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && token === last.first + last.count) last.count += 1;
    else runs.push({ first: token, count: 1 });
  }
  return runs;
}
