import { deepStrictEqual, ok } from 'node:assert/strict';
import type { Criterion, LayerUnits, OutputColumn, ScoredHalf, Unit } from '../../core/ports/criterion.js';
import { createRng, type Rng } from '../../core/random.js';
import type { Breathe } from '../../core/ports/compensation.js';
import { contextsOf } from '../../plugin-host/context/plugin-context.js';
import {
  completeOptions,
  listManifestChecks,
  requireAborted,
  requireFinite,
  selectChecks,
  type ConformanceCheck,
  type ConformanceSettings,
} from './conformance-check.js';
import { multiplyTransposed } from './multiply-transposed.js';

/**
 * The conformance kit for criteria, for any test runner:
 *
 * ```ts
 * describe('my-criterion', () => {
 *   for (const { name, run } of listCriterionChecks(myCriterion)) it(name, run);
 * });
 * ```
 */
export function listCriterionChecks<Options>(
  criterion: Criterion<Options>,
  settings: ConformanceSettings = {},
): readonly ConformanceCheck[] {
  const { scoringBytes } = criterion;
  const makeContext = contextsOf(criterion, undefined);
  const score = async (layer: LayerUnits): Promise<Float32Array> =>
    criterion.score(layer, completeOptions(criterion.options, settings), makeContext());
  const draw = (kind: Kind, count: number, change?: (unit: Unit) => Unit): LayerUnits =>
    drawLayer(criterion, kind, count, change);
  return selectChecks([
    ...listManifestChecks(criterion, settings),
    {
      name: 'gives one finite score per unit, for channels, query heads and key-value groups, from what it says it needs',
      run: async () => {
        for (const kind of KINDS)
          for (const count of [1, 2, 7])
            requireScores(await score(draw(kind, count)), count, `${count} units of kind ${kind}`);
      },
    },
    {
      name: 'gives the same scores for the same units, options and seed',
      run: async () => {
        for (const kind of KINDS) deepStrictEqual(await score(draw(kind, 6)), await score(draw(kind, 6)));
      },
    },
    {
      name: 'gives finite scores for weights, inputs and gradients that are all 0',
      run: async () => {
        for (const kind of KINDS) requireScores(await score(draw(kind, 4, clear)), 4, `units of zeros of kind ${kind}`);
      },
    },
    {
      name: 'gives finite scores for inputs that never vary',
      run: async () => {
        for (const kind of KINDS)
          requireScores(await score(draw(kind, 4, hold)), 4, `units of constant input of kind ${kind}`);
      },
    },
    {
      name: 'gives equal units equal scores, unless it draws them or sees by the Gram matrix that one will do',
      run: async () => {
        if (criterion.needs.includes('gram')) return;
        for (const kind of KINDS) {
          const layer = draw(kind, 3);
          const units = [0, 1, 0, 2].map((index) => layer.units[index] as Unit);
          let draws = 0;
          const scores = await score({ ...layer, units, rng: counting(layer.rng, () => (draws += 1)) });
          if (draws === 0) deepStrictEqual(scores[0], scores[2]);
        }
      },
    },
    {
      name: 'gives each unit the same score in whatever order the units come, unless it draws them',
      run: async () => {
        for (const kind of KINDS) {
          const layer = draw(kind, ORDER.length);
          let draws = 0;
          const scores = await score({ ...layer, rng: counting(layer.rng, () => (draws += 1)) });
          const permuted = await score(permute(draw(kind, ORDER.length)));
          if (draws > 0) continue;
          const largest = Math.max(...scores.map(Math.abs));
          ORDER.forEach((index, place) => {
            const [before = Number.NaN, after = Number.NaN] = [scores[index], permuted[place]];
            ok(
              Math.abs(before - after) <= 1e-4 * largest,
              `a unit of kind ${kind} scores ${before} at place ${index}, and ${after} at place ${place}`,
            );
          });
        }
      },
    },
    {
      name: 'leaves the units as they were',
      run: async () => {
        for (const kind of KINDS) {
          const layer = draw(kind, 5);
          await score(layer);
          deepStrictEqual(layer.units, draw(kind, 5).units);
        }
      },
    },
    {
      when: criterion.needs.includes('gram'),
      name: 'ends with the reason of a cancel that it hears of by breathe',
      run: async () => {
        await requireAborted((signal) => {
          const layer = draw('ffn_channel', 16);
          const breathe: Breathe = async () => signal.throwIfAborted();
          return score({ ...layer, ...(layer.half && { half: { ...layer.half, breathe } }) });
        });
      },
    },
    {
      when: scoringBytes !== undefined,
      name: 'states the memory that scoring takes, which grows with the rows',
      run: async () => {
        const bytes = [1, 8, 64, 512].map((rows) => scoringBytes?.call(criterion, rows, 32) ?? Number.NaN);
        requireFinite(bytes, 'scoringBytes');
        ok(
          bytes.every((count, place) => count >= (bytes[place - 1] ?? 0)),
          `${bytes.join(', ')} bytes for 1, 8, 64 and 512 rows`,
        );
      },
    },
  ]);
}

const ORDER = [3, 0, 4, 1, 2] as const;

const KINDS = ['ffn_channel', 'query_head', 'kv_group'] as const;
type Kind = (typeof KINDS)[number];

const HIDDEN = 8;
const HEAD_DIM = 4;

/** Numbers of weights of each slice, and how many output columns a unit has. */
const FORMS: Readonly<Record<Kind, { readonly slices: readonly number[]; readonly columns: number }>> = {
  ffn_channel: { slices: [HIDDEN, HIDDEN, HIDDEN], columns: 1 },
  query_head: { slices: [HIDDEN * HEAD_DIM, HIDDEN * HEAD_DIM], columns: HEAD_DIM },
  kv_group: { slices: Array.from({ length: 6 }, () => HIDDEN * HEAD_DIM), columns: 2 * HEAD_DIM },
};

/** Units as an engine shows them: what the criterion does not need is NaN or absent. */
function drawLayer(
  { needs }: Pick<Criterion, 'needs'>,
  kind: Kind,
  count: number,
  change: (unit: Unit) => Unit = (unit) => unit,
): LayerUnits {
  const rng = createRng(count).fork(kind);
  const { slices, columns } = FORMS[kind];
  const drawUnit = (): Unit => ({
    weights: slices.map((length) => drawValues(rng, length)),
    columns: Array.from({ length: columns }, () => drawColumn(rng)),
    ...(needs.includes('gradients') && {
      gradients: slices.map((length) => drawValues(rng, length)),
      meanSquaredGradients: slices.map((length) => drawValues(rng, length).map((value) => value * value)),
    }),
  });
  const units = Array.from({ length: count }, () => change(drawUnit()));
  return {
    layer: 3,
    kind,
    units: needs.includes('activations') ? units : units.map(withoutActivations),
    rng: createRng(7).fork(kind),
    ...(needs.includes('gram') && { half: describeHalf(units, kind === 'query_head' ? 1 : count) }),
    ...(needs.includes('block-io') && { blockInfluence: 0.25 }),
  };
}

/** The same units in another order, with their half-block. */
function permute(layer: LayerUnits): LayerUnits {
  const units = ORDER.map((index) => layer.units[index] as Unit);
  if (layer.half === undefined) return { ...layer, units };
  const { rows, hidden, weights, gram } = layer.half;
  const each = rows / units.length;
  const places = ORDER.flatMap((index) => Array.from({ length: each }, (_, row) => index * each + row));
  return {
    ...layer,
    units,
    half: {
      ...layer.half,
      weights: Float32Array.from(places.flatMap((row) => [...weights.subarray(row * hidden, (row + 1) * hidden)])),
      gram: Float64Array.from(places.flatMap((row) => places.map((column) => gram[row * rows + column] as number))),
    },
  };
}

/** Inputs that have the moments of the units' columns; each varies by itself. */
function describeHalf(units: readonly Unit[], unitsTogether: number): ScoredHalf {
  const columns = units.flatMap((unit) => unit.columns);
  const rows = columns.length;
  return {
    weights: Float32Array.from(columns.flatMap(({ weights }) => [...weights])),
    rows,
    hidden: HIDDEN,
    gram: Float64Array.from({ length: rows * rows }, (_, at) => {
      const [a, b] = [columns[Math.floor(at / rows)], columns[at % rows]];
      return a === b ? (a?.meanSquare ?? 0) : (a?.mean ?? 0) * (b?.mean ?? 0);
    }),
    unitsTogether,
    multiplyTransposed,
  };
}

function drawValues(rng: Rng, length: number): Float32Array {
  return Float32Array.from({ length }, () => rng.uniform() - 0.5);
}

function drawColumn(rng: Rng): OutputColumn {
  const mean = rng.uniform() - 0.5;
  return { weights: drawValues(rng, HIDDEN), mean, meanSquare: mean * mean + rng.uniform() };
}

function withoutActivations(unit: Unit): Unit {
  return { ...unit, columns: unit.columns.map((column) => ({ ...column, mean: Number.NaN, meanSquare: Number.NaN })) };
}

function clear({ weights, columns, gradients, meanSquaredGradients }: Unit): Unit {
  return {
    weights: zeros(weights),
    columns: columns.map((column) => ({ weights: column.weights.map(() => 0), mean: 0, meanSquare: 0 })),
    ...(gradients !== undefined && { gradients: zeros(gradients) }),
    ...(meanSquaredGradients !== undefined && { meanSquaredGradients: zeros(meanSquaredGradients) }),
  };
}

function zeros(slices: readonly Float32Array[]): Float32Array[] {
  return slices.map((slice) => slice.map(() => 0));
}

/** As rounding leaves it: the mean square may be a little less than the square of the mean. */
function hold(unit: Unit): Unit {
  return { ...unit, columns: unit.columns.map((column) => ({ ...column, mean: 0.1, meanSquare: Math.fround(0.01) })) };
}

function counting(rng: Rng, count: () => void): Rng {
  return {
    uniform: () => (count(), rng.uniform()),
    integer: (below) => (count(), rng.integer(below)),
    shuffle: (values) => (count(), rng.shuffle(values)),
    fork: (label) => counting(rng.fork(label), count),
  };
}

function requireScores(scores: Float32Array, count: number, of: string): void {
  ok(scores instanceof Float32Array, `the scores of ${of} must be a Float32Array`);
  deepStrictEqual(scores.length, count, `${of} need ${count} scores`);
  const bad = scores.findIndex((value) => !Number.isFinite(value));
  ok(bad < 0, `the score ${scores[bad]} of ${of} is not finite: is something missing from \`needs\`?`);
}
