import { readFile } from 'node:fs/promises';
import { candidateBand } from '../src/core/budget/budget.js';
import { PrunecastError } from '../src/core/errors/prunecast-error.js';
import type { Precision } from '../src/core/measurement.js';
import { countParameters } from '../src/core/model/parameters.js';
import type { Architecture } from '../src/core/model/shape.js';
import { identityRanking } from '../src/core/model/units.js';
import { scoreFrom, type Sequence } from '../src/core/sequence.js';
import { createRng } from '../src/core/random.js';
import { createSearchSpace } from '../src/core/space/create-search-space.js';
import { decodeCounts } from '../src/core/space/search-space.js';
import { kendallTau } from '../src/core/statistics/rank-correlation.js';
import type { LanguageModel, RankedRecipe } from '../src/engine/language-model.js';
import { rankUnits } from '../src/engine/ranking/rank-units.js';
import { loadTokenizer } from '../src/engine/tokenizer/tokenizer.js';
import fluctuation from '../src/plugins/criteria/fluctuation.js';
import { createBudgetSampler } from '../src/search/sampling/budget-sampler.js';

/** The int8 rung against float32; null for what was not run, or is not supported by this CPU. */
export interface Int8Figures {
  readonly speedup: number | null;
  readonly kendall_tau: number | null;
  /** Architectures behind `kendall_tau`; 0 if it was not run. */
  readonly architectures: number;
}

export interface Int8Comparison {
  readonly windows: readonly Sequence[];
  readonly rounds: number;
  /** A text file and how many architectures to rank on it. */
  readonly ranking?: { readonly text: string; readonly architectures: number };
}

/**
 * The dense model in both precisions, in turns, and how similarly they rank random architectures with 20 % fewer
 * parameters.
 */
export async function compareInt8(
  model: LanguageModel,
  { windows, rounds, ranking }: Int8Comparison,
): Promise<Int8Figures> {
  if (!(await isOffered(model))) return { speedup: null, kendall_tau: null, architectures: 0 };
  const own = { ranking: identityRanking(model.shape.layers) };
  const times: Record<Precision, number[]> = { float32: [], int8: [] };
  for (let round = 0; round <= rounds; round++) {
    for (const precision of ['float32', 'int8'] as const) {
      const started = performance.now();
      await label(model, own, [model.shape.layers], windows, precision);
      if (round > 0) times[precision].push(performance.now() - started); // the first round reads the weights
    }
  }
  return {
    speedup: Math.min(...times.float32) / Math.min(...times.int8),
    kendall_tau: ranking === undefined ? null : await compareRankings(model, ranking),
    architectures: ranking?.architectures ?? 0,
  };
}

async function isOffered(model: LanguageModel): Promise<boolean> {
  return model.requirePrecision('int8').then(
    () => true,
    (error: unknown) => {
      if (error instanceof PrunecastError && error.reason === 'PRECISION_UNAVAILABLE') return false;
      throw error;
    },
  );
}

const WINDOW = 128;
/** 2,048 tokens per label. */
const WINDOWS = 16;
const CALIBRATION_SEQUENCES = 64;

/** Units ranked by fluctuation on the first half of the text, labels from the second. */
async function compareRankings(
  model: LanguageModel,
  { text, architectures: count }: NonNullable<Int8Comparison['ranking']>,
): Promise<number> {
  const { shape } = model;
  const work = { signal: new AbortController().signal };
  const tokenizer = await loadTokenizer(model.checkpoint.files);
  if (tokenizer === undefined) throw new Error('ranking architectures needs a checkpoint with a tokenizer');
  const tokens = await tokenizer.encode(await readFile(text, 'utf8'));
  const middle = Math.floor(tokens.length / 2);
  const calibration = await model.calibrate(
    spread(tokens.subarray(0, middle), CALIBRATION_SEQUENCES),
    fluctuation.needs.filter((need) => need !== 'weights'),
    work,
  );
  const moduleUrl = new URL('../src/plugins/criteria/fluctuation.js', import.meta.url);
  const scores = await model.scoreUnits({
    criterion: fluctuation,
    options: fluctuation.options.parse({}),
    moduleUrl,
    calibration,
    seed: 0,
    work,
  });
  const recipe: RankedRecipe = { ranking: rankUnits(scores, shape.layers) };
  const windows = spread(tokens.subarray(middle), WINDOWS).map((window) => scoreFrom(window));

  const space = createSearchSpace(shape);
  const band = candidateBand(shape, {
    cost: { kind: 'parameters' },
    limit: Math.floor(0.8 * countParameters(shape, shape.layers)),
  });
  const sampler = createBudgetSampler({ space, band });
  const rng = createRng(3);
  const architectures = Array.from({ length: count }, () => {
    const counts = sampler.sample(rng);
    if (counts === undefined) throw new Error('no architecture of this model has 20 % fewer parameters');
    return decodeCounts(space, counts);
  });
  return kendallTau(
    await label(model, recipe, architectures, windows, 'float32'),
    await label(model, recipe, architectures, windows, 'int8'),
  );
}

/** The summed loss of each architecture. */
async function label(
  model: LanguageModel,
  recipe: RankedRecipe,
  architectures: readonly Architecture[],
  windows: readonly Sequence[],
  precision: Precision,
): Promise<number[]> {
  const losses: number[] = [];
  const work = { signal: new AbortController().signal };
  for await (const { index, losses: own } of model
    .subject(recipe)
    .observe(architectures, { sequences: windows, precision }, work))
    losses[index] = own.reduce((sum, loss) => sum + loss, 0);
  if (losses.some((loss) => Number.isNaN(loss))) throw new Error('a loss is not a number');
  return losses;
}

/** Whole windows, spread evenly over the tokens. */
function spread(tokens: Int32Array, pieces: number): Int32Array[] {
  return Array.from({ length: pieces }, (_, piece) => {
    const start = WINDOW * Math.floor((piece * Math.floor(tokens.length / WINDOW)) / pieces);
    return tokens.slice(start, start + WINDOW);
  });
}
