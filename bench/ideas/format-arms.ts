import { formatTable } from '../../src/cli/output/table.js';
import type { Label } from './label-model.js';
import { ARMS } from './arms.js';

/** A study of one arm, as the JSON file has it. */
export interface ArmRow {
  readonly arm: string;
  readonly seed: number;
  /** As if the study ended with each of its rounds. */
  readonly rounds: readonly RoundRow[];
  /** Root mean square errors of the proposals of each round but the last, in deviations of the predictor. */
  readonly errors: readonly number[];
}

interface RoundRow extends VerifiedGain {
  /** Tokens run up to here. */
  readonly tokens: number;
  /** The winner's perplexity on the report windows. */
  readonly report: number;
}

/** What a round's winner gained over that of the round before, on the verify windows; 0 for the first round. */
export interface VerifiedGain {
  /** In mean loss; above 0 is better. */
  readonly gain: number;
  /** The standard error of `gain` over the windows, which both share. */
  readonly noise: number;
}

export function measureGain(before: Label, after: Label): VerifiedGain {
  const scored = after.scored / after.losses.length;
  const { mean, error } = summarise(
    after.losses.map((loss, window) => ((before.losses[window] ?? loss) - loss) / scored),
  );
  return { gain: Number(mean.toFixed(5)), noise: Number(error.toFixed(5)) };
}

/** Arms against what they are compared with, seed by seed; then what stopping after a round saves and costs. */
export function formatArms(rows: readonly ArmRow[]): string {
  return [...formatComparisons(rows), '', ...formatStops(rows)].join('\n');
}

function formatComparisons(rows: readonly ArmRow[]): string[] {
  return formatTable(
    ['arm', 'seeds', 'perplexity', 'against', 'better by, %', 'wins', 'errors in deviations'],
    Object.entries(ARMS).flatMap(([name, { against }]) => {
      const own = rows.filter(({ arm }) => arm === name);
      if (own.length === 0) return [];
      const pairs = own.flatMap((row) => {
        const other = rows.find(({ arm, seed }) => arm === against && seed === row.seed);
        return other === undefined ? [] : [Math.log(reported(other) / reported(row))];
      });
      const errors = own.flatMap((row) => row.errors);
      return [
        [
          name,
          String(own.length),
          summarise(own.map(reported)).mean.toFixed(3),
          against ?? '',
          against === undefined ? '' : percent(pairs),
          against === undefined ? '' : `${pairs.filter((gain) => gain > 0).length} of ${pairs.length}`,
          Math.sqrt(summarise(errors.map((error) => error ** 2)).mean).toFixed(2),
        ],
      ];
    }),
  );
}

/** Rules by which a study ends with a round: given its rounds, the place of the last one. */
const STOPS: Readonly<Record<string, (rounds: readonly RoundRow[]) => number>> = {
  'one round': () => 0,
  'two rounds': () => 1,
  ...Object.fromEntries(
    [0, 1, 2].map((k) => [
      `a round gains at most ${k} standard errors`,
      (rounds: readonly RoundRow[]) => {
        const idle = rounds.findIndex(({ gain, noise }, place) => place > 0 && gain <= k * noise);
        return idle < 0 ? rounds.length - 1 : idle;
      },
    ]),
  ),
};

/** Over the arms that others are compared with. */
function formatStops(rows: readonly ArmRow[]): string[] {
  const own = rows.filter(({ arm }) => ARMS[arm] !== undefined && ARMS[arm].against === undefined);
  return formatTable(
    ['ends when', 'studies', 'ended early', 'tokens saved, %', 'worse by, %'],
    Object.entries(STOPS).map(([rule, stop]) => {
      const ends = own.flatMap(({ rounds }) => {
        const [end, last] = [rounds[stop(rounds)], rounds.at(-1)];
        return end === undefined || last === undefined ? [] : [{ end, last }];
      });
      return [
        rule,
        String(ends.length),
        String(ends.filter(({ end, last }) => end !== last).length),
        percent(ends.map(({ end, last }) => 1 - end.tokens / last.tokens)),
        percent(ends.map(({ end, last }) => Math.log(end.report / last.report))),
      ];
    }),
  );
}

function reported({ rounds }: ArmRow): number {
  return rounds.at(-1)?.report ?? Number.NaN;
}

function percent(shares: readonly number[]): string {
  const { mean, error } = summarise(shares);
  return `${(100 * mean).toFixed(2)} ± ${(100 * error).toFixed(2)}`;
}

/** The mean of values, and its standard error. */
function summarise(values: readonly number[]): { readonly mean: number; readonly error: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, error: Math.sqrt(squares / (values.length - 1) / values.length) };
}
