import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identityRanking, type Ranking } from '../../../src/core/model/units.js';
import type { Compensation } from '../../../src/core/ports/compensation.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { createBlockRunner } from '../../../src/engine/forward/block-runner.js';
import { createRankedWeights } from '../../../src/engine/weights/ranked-weights.js';
import { createWeightStore } from '../../../src/engine/weights/weight-store.js';
import { createSessionPool } from '../../../src/engine/graph/session-pool.js';
import type { LanguageModel, LayerErrors, RankedRecipe } from '../../../src/engine/language-model.js';
import leastSquares from '../../../src/plugins/compensations/least-squares.js';
import mean from '../../../src/plugins/compensations/mean.js';
import { calibrationSequences } from '../../support/criteria-reference.js';
import { DEMO_DIRECTORY, unattended } from '../../support/demo-model.js';
import { openLanguageModel } from '../../../src/engine/open-language-model.js';

const [HIDDEN, HEAD_DIM, HEADS_A_GROUP, DAMPING] = [64, 8, 2, 0.05];
const sequences = calibrationSequences.slice(0, 8);
const TOKENS = sequences.reduce((sum, { length }) => sum + length, 0);

describe('calibrationErrors', () => {
  let model: LanguageModel;
  let ranking: Ranking;
  let errors: readonly LayerErrors[];
  let inputs: { readonly attention: Float32Array; readonly ffn: Float32Array };
  const recipeOf = async (plugin: Compensation, file: string, options: unknown): Promise<RankedRecipe> => ({
    ranking,
    compensation: {
      plugin,
      options,
      calibration: await model.calibrate(sequences, [...plugin.needs], unattended),
      moduleUrl: new URL(`../../../src/plugins/compensations/${file}.js`, import.meta.url),
    },
  });

  beforeAll(async () => {
    model = await openLanguageModel(await openCheckpoint(DEMO_DIRECTORY));
    // Not the model's own order, so that a mixed-up order would show.
    ranking = identityRanking(model.shape.layers).map(({ kvGroups, queryHeads, ffnChannels }) => ({
      queryHeads,
      kvGroups: kvGroups.toReversed(),
      ffnChannels: ffnChannels.toReversed(),
    }));
    errors = await model.calibrationErrors(
      await recipeOf(leastSquares as Compensation, 'least-squares', { damping: DAMPING }),
      unattended,
    );
    inputs = await readFirstInputs();
  });
  afterAll(() => model.close());

  it.each([0, 1, 60, 129, 171])('are what the outputs of %i kept channels miss, damping included', async (kept) => {
    const units = Array.from({ length: kept }, (_, place) => 171 - place).reverse();
    const direct = await measureError('ffn', units, 172);
    expect(Math.abs((errors[0]?.ffn[kept] ?? NaN) / direct - 1)).toBeLessThan(1e-4);
  });

  it.each([0, 1, 3])('are what the outputs of %i kept key-value groups miss', async (kept) => {
    const rows = Array.from(
      { length: kept * HEADS_A_GROUP * HEAD_DIM },
      (_, row) => row + (4 - kept) * HEADS_A_GROUP * HEAD_DIM,
    );
    const direct = await measureError('attention', rows, HIDDEN);
    expect(Math.abs((errors[0]?.attention[kept] ?? NaN) / direct - 1)).toBeLessThan(1e-4);
  });

  it('have an entry for every width of every layer, fall with each further unit, and end at zero', () => {
    expect(errors.map(({ attention, ffn }) => [attention.length, ffn.length])).toEqual(
      Array.from({ length: 5 }, () => [5, 173]),
    );
    for (const { attention, ffn } of errors) {
      for (const list of [attention, ffn]) {
        list.slice(1).forEach((error, place) => expect(error).toBeLessThanOrEqual(list[place] ?? NaN));
        expect(list.at(-1)).toBe(0);
      }
    }
  });

  it('are empty if the compensation does not know them', async () => {
    const none = await model.calibrationErrors(await recipeOf(mean as Compensation, 'mean', {}), unattended);
    expect(none.map(({ attention, ffn }) => attention.length + ffn.length)).toEqual([0, 0, 0, 0, 0]);
  });

  it('compensates groups that lost query heads by the least squares of the kept heads, as a direct solution does', async () => {
    // Three groups keep their first head each: heads 2, 4 and 6 of the layer. At the minimum, the slope is 0: X_S^T (X
    // W - X_S W') / tokens + lambda (W_S - W') for every kept row S.
    const rows = [2, 4, 6].flatMap((head) => Array.from({ length: HEAD_DIM }, (_, row) => head * HEAD_DIM + row));
    const recipe = await recipeOf(leastSquares as Compensation, 'least-squares', { damping: DAMPING });
    const { weight = new Float32Array() } = await model.blockMap(
      recipe,
      {
        layer: 0,
        part: 'output',
        architecture: [{ kvHeads: 3, queryHeadsPerKv: 1, ffnChannels: 172 }, ...model.shape.layers.slice(1)],
      },
      unattended,
    );
    expect(weight.length).toBe(rows.length * HIDDEN);
    const own = await model.checkpoint.readTensor('model.layers.0.self_attn.o_proj.weight');
    const x = inputs.attention;
    const lambda = (DAMPING * x.reduce((sum, value) => sum + value * value, 0)) / TOKENS / HIDDEN;
    const gram = (a: number, b: number): number => {
      let sum = 0;
      for (let token = 0; token < TOKENS; token++)
        sum += (x[token * HIDDEN + a] ?? NaN) * (x[token * HIDDEN + b] ?? NaN);
      return sum / TOKENS;
    };
    for (const output of [0, 31, 63]) {
      for (const row of rows) {
        let [slope, scale] = [0, 0];
        for (let column = 0; column < HIDDEN; column++) {
          const place = rows.indexOf(column);
          const lost =
            (own[output * HIDDEN + column] ?? NaN) - (place < 0 ? 0 : (weight[output * rows.length + place] ?? NaN));
          const term = (gram(row, column) + (row === column ? lambda : 0)) * lost;
          slope += term;
          scale += Math.abs(term);
        }
        expect(Math.abs(slope) / scale).toBeLessThan(1e-4);
      }
    }
  });

  /**
   * ||X W - X_k W'||^2 / tokens + lambda ||W - [W'; 0]||^2 of the first layer, computed directly from its inputs and
   * the weights that would be written.
   */
  async function measureError(half: 'attention' | 'ffn', kept: readonly number[], rows: number): Promise<number> {
    const own = await model.checkpoint.readTensor(
      half === 'ffn' ? 'model.layers.0.mlp.down_proj.weight' : 'model.layers.0.self_attn.o_proj.weight',
    ); // [hidden, rows]
    const counts =
      half === 'ffn'
        ? { kvHeads: 4, queryHeadsPerKv: 2, ffnChannels: kept.length }
        : {
            kvHeads: kept.length / (HEADS_A_GROUP * HEAD_DIM),
            queryHeadsPerKv: kept.length === 0 ? 0 : 2,
            ffnChannels: 172,
          };
    const recipe = await recipeOf(leastSquares as Compensation, 'least-squares', { damping: DAMPING });
    const { weight = new Float32Array() } = await model.blockMap(
      recipe,
      { layer: 0, part: half === 'ffn' ? 'down' : 'output', architecture: [counts, ...model.shape.layers.slice(1)] },
      unattended,
    );
    const lost = Float64Array.from(own);
    for (let row = 0; row < HIDDEN; row++)
      kept.forEach((unit, column) => {
        lost[row * rows + unit] = (lost[row * rows + unit] ?? NaN) - (weight[row * kept.length + column] ?? NaN);
      });
    const x = inputs[half];
    const lambda = (DAMPING * x.reduce((sum, value) => sum + value * value, 0)) / TOKENS / rows;
    let error = lambda * lost.reduce((sum, value) => sum + value * value, 0);
    for (let token = 0; token < TOKENS; token++) {
      for (let row = 0; row < HIDDEN; row++) {
        let output = 0;
        for (let column = 0; column < rows; column++)
          output += (x[token * rows + column] ?? NaN) * (lost[row * rows + column] ?? NaN);
        error += (output * output) / TOKENS;
      }
    }
    return error;
  }
});

/** The inputs of o and down of the first layer, [tokens, rows]. */
async function readFirstInputs(): Promise<{ attention: Float32Array; ffn: Float32Array }> {
  const checkpoint = await openCheckpoint(DEMO_DIRECTORY);
  const { config, shape } = checkpoint;
  const sessions = createSessionPool({ threads: 2 });
  const runner = createBlockRunner(config, sessions);
  const weights = createRankedWeights(checkpoint, createWeightStore(2 ** 28), {
    key: 'own',
    ranking: identityRanking(shape.layers),
  });
  const embedding = await checkpoint.readTensor('model.embed_tokens.weight');
  const size = { count: sequences.length, length: sequences[0]?.length ?? 0 };
  const embedded = Float32Array.from({ length: TOKENS * HIDDEN }, (_, at) => {
    const token = Math.floor(at / HIDDEN);
    return (
      embedding[(sequences[Math.floor(token / size.length)]?.[token % size.length] ?? NaN) * HIDDEN + (at % HIDDEN)] ??
      NaN
    );
  });
  const taps = { attention: new Float32Array(TOKENS * HIDDEN), ffn: new Float32Array(TOKENS * 172) };
  const between = new Float32Array(embedded.length);
  const attention = await weights.prepare({ half: 'attention', layer: 0, kvHeads: 4, queryHeadsPerKv: 2 });
  const ffn = await weights.prepare({ half: 'ffn', layer: 0, ffnChannels: 172 });
  if (attention.kind === 'nothing' || ffn.kind === 'nothing') throw new Error('the first layer has both halves');
  await runner.runHalf(attention, size, embedded, between, taps.attention);
  await runner.runHalf(ffn, size, between, new Float32Array(embedded.length), taps.ffn);
  await sessions.close();
  await checkpoint.close();
  return taps;
}
