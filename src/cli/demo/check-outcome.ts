import type { ReportRow } from '../../client/index.js';

/** One row of the outcome. */
export interface Measured {
  readonly parameters: number;
  readonly perplexity: number;
}

/** A row of a report; NaN for what is missing. */
export function readRow(row: ReportRow | undefined): Measured {
  return { parameters: Number(row?.parameters ?? NaN), perplexity: row?.metrics['perplexity'] ?? NaN };
}

/** How much lower the winner's perplexity is than a control's, with its 95 % interval; NaN for what is missing. */
export interface WinnerLift {
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/** What the demo prints, and writes as JSON. */
export interface Outcome {
  readonly dense: Measured;
  readonly uniform_paper: Measured;
  readonly uniform_best: Measured;
  /** The best of as many random architectures as the search has labelled. */
  readonly random: Measured;
  readonly winner: Measured;
  readonly reloaded: Measured;
  /** By control. */
  readonly lifts: Readonly<Record<'uniform_paper' | 'uniform_best' | 'random', WinnerLift>>;
  readonly pairs: number;
  readonly predicted: number;
  readonly verified: number;
  readonly kendall_tau: number;
  readonly r2: number;
  readonly tokens: number;
  readonly seconds: number;
}

/** What the outcome itself does not show. */
export interface OutcomeFacts {
  readonly removedShare: number;
  readonly prunableLayers: number;
  /** Whether the report and the second evaluation have one measurement fingerprint. */
  readonly sameMeasurement: boolean;
}

/** One sentence per failed check; empty if all is well. */
export function checkOutcome(
  { dense, uniform_paper, uniform_best, random, winner, reloaded, lifts, ...counts }: Outcome,
  { removedShare, prunableLayers, sameMeasurement }: OutcomeFacts,
): string[] {
  const limit = (1 - removedShare) * dense.parameters;
  const rows = Object.entries({ dense, uniform_paper, uniform_best, random, winner, reloaded });
  const checks: readonly (readonly [boolean, string])[] = [
    ...rows.map(
      ([name, { parameters, perplexity }]) =>
        [
          parameters > 0 && perplexity > 1 && Number.isFinite(perplexity),
          `${name} has ${parameters} parameters and perplexity ${perplexity}`,
        ] as const,
    ),
    ...rows
      .slice(1)
      .map(
        ([name, { parameters }]) =>
          [parameters <= limit, `${name} has ${parameters} parameters, more than the ${limit} of the budget`] as const,
      ),
    [prunableLayers === 5, `${prunableLayers} of 5 layers are prunable`],
    [
      winner.perplexity < uniform_paper.perplexity,
      `the winner's perplexity of ${winner.perplexity} is not below that of uniform-paper, ${uniform_paper.perplexity}`,
    ],
    [
      winner.perplexity > dense.perplexity,
      `the winner's perplexity of ${winner.perplexity} is below that of the unpruned model: something is measured wrongly`,
    ],
    ...Object.entries(lifts).map(
      ([control, { share, low, high }]) =>
        [
          low <= share && share <= high,
          `the winner is better than ${control} by ${share}, with an interval from ${low} to ${high}`,
        ] as const,
    ),
    [sameMeasurement, 'the exported model was measured otherwise than the report'],
    [
      reloaded.parameters === winner.parameters,
      `the exported model has ${reloaded.parameters} parameters, the winner ${winner.parameters}`,
    ],
    [
      Math.abs(reloaded.perplexity / winner.perplexity - 1) <= 1e-4,
      `the exported model has perplexity ${reloaded.perplexity}, the winner ${winner.perplexity}`,
    ],
    ...Object.entries(counts).map(([name, value]) => [Number.isFinite(value), `${name} is ${value}`] as const),
  ];
  return checks.filter(([holds]) => !holds).map(([, sentence]) => sentence);
}
