import { createColors } from 'picocolors';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../../src/cli/demo/check-outcome.js';
import { printOutcome } from '../../../src/cli/demo/print-outcome.js';
import type { NextLine, Printer } from '../../../src/cli/output/printer.js';
import { StudyReport } from '../../../src/gen/prunecast/v1/study_types.js';

const row = (name: string, parameters: bigint, perplexity: number) => ({ name, parameters, metrics: { perplexity } });
const report = StudyReport.fromPartial({
  dense: row('dense', 1000n, 4),
  controls: [row('uniform-paper', 790n, 8), row('random', 800n, 6.4)],
  winner: row('winner', 800n, 6),
  lifts: [
    { control: 'uniform-paper', metric: 'perplexity', lift: 0.25, low: 0.2, high: 0.3 },
    { control: 'random', metric: 'perplexity', lift: 0.0625, low: -0.01, high: 0.1 },
  ],
  summary: 'The winner is better.',
});
const outcome = {
  dense: { parameters: 1000, perplexity: 4 },
  reloaded: { parameters: 800, perplexity: 6 },
  pairs: 100,
  predicted: 20_000,
  verified: 12,
  kendall_tau: 0.9,
  tokens: 2e6,
  seconds: 30,
} as Outcome;

describe('printOutcome', () => {
  it('shows the winner beside every control with its interval, where all lies, and commands for these places', () => {
    const printed = { rows: [] as (readonly string[])[], lines: [] as string[], next: [] as NextLine[] };
    const printer = {
      colors: createColors(false),
      table: (_: unknown, rows: readonly (readonly string[])[]) => printed.rows.push(...rows),
      lines: (...lines: readonly string[]) => printed.lines.push(...lines),
      next: (...commands: readonly NextLine[]) => printed.next.push(...commands),
    } as unknown as Printer;
    const written = { model: 'd/model', page: 'd/report.html', stories: 'd/stories.txt', next: 'd/smaller' };
    printOutcome(outcome, report, { written, command: 'npx prunecast', printer });
    expect(printed.rows).toEqual([
      ['dense', '1,000', '0.0 %', '4', ''],
      ['uniform-paper', '790', '21.0 %', '8', '25.0 % (20.0 % to 30.0 %)'],
      ['random', '800', '20.0 %', '6.4', '6.3 % (-1.0 % to 10.0 %)'],
      ['winner', '800', '20.0 %', '6', ''],
      ['winner, reloaded', '800', '20.0 %', '6', ''],
    ]);
    expect(printed.lines).toContain('The winner is better.');
    expect(printed.lines.at(-1)).toBe('The winner lies in d/model, the report with charts is d/report.html.');
    expect(printed.next.map(({ line }) => line)).toEqual([
      'npx prunecast inspect --model d/model',
      'npx prunecast search --model d/model --text d/stories.txt --remove 10% --effort quick --output d/smaller',
    ]);
  });
});
