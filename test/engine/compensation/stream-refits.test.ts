import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identityRanking } from '../../../src/core/model/units.js';
import { type Compensation, STREAM_REFITS, type StreamRefit } from '../../../src/core/ports/compensation.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { findFamily } from '../../../src/engine/families/find-family.js';
import { nameBlockTensor } from '../../../src/engine/families/list-tensors.js';
import type { LanguageModel, RankedRecipe } from '../../../src/engine/language-model.js';
import { openLanguageModel } from '../../../src/engine/open-language-model.js';
import type { MapPart } from '../../../src/engine/weights/map-parts.js';
import leastSquares from '../../../src/plugins/compensations/least-squares.js';
import { listCompensatedTensors } from '../../../src/server/pruning/list-compensated-tensors.js';
import { calibrationSequences, evaluationWindows } from '../../support/criteria-reference.js';
import { DEMO_DIRECTORY, unattended } from '../../support/demo-model.js';

interface Fitted {
  readonly shape: readonly [number, number];
  readonly norm: number;
  /** Of the difference to the kept part of the dense map. */
  readonly change: number;
  readonly first: readonly number[];
  readonly last: readonly number[];
}

/** What transformers and numpy found in float64, by `test/reference/record_stream_refits.py`. */
const REFERENCE = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../../reference/stream-refits.json'), 'utf8'),
) as {
  readonly sequences: number;
  readonly damping: number;
  readonly input_damping: number;
  readonly kept: readonly { readonly kv_heads: number; readonly ffn_channels: number }[];
  readonly refits: Readonly<
    Record<StreamRefit, { readonly perplexity: number; readonly fitted: Readonly<Record<string, Fitted>> }>
  >;
};
const PARTS = ['query', 'key', 'value', 'output', 'gate', 'up', 'down'] as const satisfies readonly MapPart[];
const architecture = REFERENCE.kept.map((kept) => ({
  kvHeads: kept.kv_heads,
  queryHeadsPerKv: 2,
  ffnChannels: kept.ffn_channels,
}));

describe.each(STREAM_REFITS)('a fit on the stream with refit: %s', (refit) => {
  const { perplexity, fitted } = REFERENCE.refits[refit];
  let model: LanguageModel;
  let recipe: RankedRecipe;
  beforeAll(async () => {
    model = await openLanguageModel(await openCheckpoint(DEMO_DIRECTORY));
    recipe = {
      ranking: identityRanking(model.shape.layers),
      compensation: {
        plugin: leastSquares as Compensation,
        options: leastSquares.options.parse({
          damping: REFERENCE.damping,
          input_damping: REFERENCE.input_damping,
          fit: 'stream',
          refit,
        }),
        moduleUrl: new URL('../../../src/plugins/compensations/least-squares.js', import.meta.url),
        calibration: await model.calibrate(calibrationSequences.slice(0, REFERENCE.sequences), ['gram'], unattended),
      },
    };
  });
  afterAll(() => model.close());

  it('gives each map the weights that solving its normal equations in float64 gives', async () => {
    const family = findFamily(model.shape.family);
    for (const [layer] of architecture.entries()) {
      for (const part of PARTS) {
        const name = nameBlockTensor(family, layer, part);
        const expected = fitted[name];
        const { weight = new Float32Array() } = await model.blockMap(recipe, { layer, part, architecture }, unattended);
        if (expected === undefined) continue;
        const own = cut(
          await model.checkpoint.readTensor(name),
          model.checkpoint.tensors.get(name)?.shape ?? [],
          expected.shape,
        );
        expect(weight.length, `weights of ${name}`).toBe(own.length);
        const change = Math.hypot(...weight.map((value, at) => value - (own[at] ?? NaN)));
        expect(Math.abs(change / expected.change - 1), `weights of ${name}`).toBeLessThan(2e-3);
        expect(Math.abs(Math.hypot(...weight) / expected.norm - 1), `weights of ${name}`).toBeLessThan(1e-4);
        const tolerance = (5e-3 * expected.change) / Math.sqrt(weight.length);
        for (const [found, known] of [
          [weight.subarray(0, 6), expected.first],
          [weight.subarray(-6), expected.last],
        ] as const)
          known.forEach((value, at) =>
            expect(Math.abs((found[at] ?? NaN) - value), `${name} ${at}`).toBeLessThan(tolerance),
          );
      }
    }
  });

  it('writes every map that it changed, and no other', () => {
    expect([...listCompensatedTensors(model, recipe, architecture, unattended).keys()].sort()).toEqual(
      Object.keys(fitted).sort(),
    );
  });

  it('is evaluated with the perplexity that transformers has with these weights', async () => {
    let loss = Number.NaN;
    for await (const { losses } of model
      .subject(recipe)
      .observe([architecture], { sequences: evaluationWindows }, unattended))
      loss = losses.reduce((sum, value) => sum + value, 0);
    const tokens = evaluationWindows.reduce((sum, { tokens: { length } }) => sum + length - 1, 0);
    expect(Math.abs(Math.exp(loss / tokens) / perplexity - 1)).toBeLessThan(1e-3);
  });
});

/** The first rows and columns of a matrix. */
function cut(
  matrix: Float32Array,
  [, width = 0]: readonly number[],
  [rows, columns]: readonly [number, number],
): Float32Array {
  return Float32Array.from(
    { length: rows * columns },
    (_, at) => matrix[Math.floor(at / columns) * width + (at % columns)] as number,
  );
}
