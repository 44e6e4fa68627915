import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CompensationFit,
  Control,
  Preset,
  type DeepPartial,
  type SearchRequest,
  type StudyReport,
  type Text,
} from '../../../src/client/index.js';
import { countDemoParameters, DEMO, MODELS_ROOT, startVerbServer, type VerbServer } from './verb-server.js';

const DENSE = 260_032;
const SEEDS = 10;

let verbs: VerbServer;
let texts: DeepPartial<SearchRequest>['texts'];
beforeAll(async () => {
  verbs = await startVerbServer();
  texts = await splitStories();
});
afterAll(() => verbs[Symbol.asyncDispose]());

const perplexityOf = (row: { readonly metrics: Readonly<Record<string, number>> } | undefined): number =>
  row?.metrics['perplexity'] ?? NaN;
const controlOf = (report: StudyReport, name: string) => report.controls.find((row) => row.name === name);

describe('a Search with its defaults', () => {
  it('is no worse than the best of as many random candidates in 8 of 10 seeds, and beats every other control in 9', async () => {
    const outcomes: {
      readonly seed: number;
      readonly random: boolean;
      readonly others: boolean;
      readonly told: string;
    }[] = [];
    for (let seed = 0; seed < SEEDS; seed++) {
      // Sizes of everything apart: the defaults are for models whose labels take minutes.
      const report = await verbs.client.runSearch({
        model: DEMO,
        space: { protectedLayers: { layers: [] } },
        budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }],
        texts: texts ?? {},
        pairs: { count: 60, rungs: [{ tokenLimit: 4096n }] },
        verify: { rungs: [{ tokenLimit: 4096n }, { tokenLimit: 8192n }] },
        report: { tokenLimit: 16_384n },
        controls: Object.values(Control).filter((code) => code > Control.UNSPECIFIED),
        seed: BigInt(seed),
      });
      const winner = perplexityOf(report.winner);
      const others = report.controls.filter(({ name }) => name !== 'random');
      expect(others.length).toBe(6);
      outcomes.push({
        seed,
        random: winner <= perplexityOf(controlOf(report, 'random')),
        others: others.every((row) => winner < perplexityOf(row)),
        told: `${winner.toFixed(3)}; ${report.controls.map((row) => `${row.name} ${perplexityOf(row).toFixed(3)}`).join(', ')}`,
      });
    }
    // Whole, so that a failure shows all figures.
    const counted = {
      random: outcomes.filter(({ random }) => random).length >= 8,
      others: outcomes.filter(({ others }) => others).length >= 9,
      outcomes,
    };
    expect(counted).toEqual({ random: true, others: true, outcomes });
  }, 1_500_000);
});

describe('preset: paper', () => {
  it('pins the procedure of the paper, and draws its lines', async () => {
    const report = await verbs.client.runSearch({
      model: DEMO,
      preset: Preset.PAPER,
      space: { protectedLayers: { layers: [] } },
      budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }],
      texts: texts ?? {},
      pairs: { rungs: [{ tokenLimit: 1024n }] },
      verify: { rungs: [{ tokenLimit: 2048n }] },
      report: { tokenLimit: 4096n },
    });
    expect(report.recipes).toMatchObject([{ criterion: 'taylor', compensation: 'none' }]);
    // On the grid four heads stay 4, 3 or 2, and 172 channels have five counts: 15 choices a layer. Tied by four, five layers
    // are two runs, 225 points at most.
    expect(report.pairs).toBeLessThanOrEqual(525);
    expect(report.pairs).toBeGreaterThan(125);
    // At most a sixth of 10,000 at each size, and the refined grid has fewer at some.
    expect(report.predicted).toBeLessThanOrEqual(10_002n);
    expect(report.predicted).toBeGreaterThan(3000n);
    expect(report).toMatchObject({ verified: 18, compensationFit: CompensationFit.ONE_SHOT });
    expect(report.fitQuality).toMatchObject({ split: 'holdout 7:3' });
    expect(report.controls.map(({ name }) => name)).toEqual(['uniform-paper', 'uniform-best']);
    expect(countDemoParameters(report.winner?.architecture?.layers ?? [])).toBeLessThanOrEqual(0.8 * DENSE);
    const { finalists, uniformPaper, lift } = report.curve ?? {};
    const at = (line: { readonly intercept: number; readonly slope: number } | undefined): number =>
      Math.exp((line?.intercept ?? NaN) + (line?.slope ?? NaN) * Math.log(Math.floor(0.8 * DENSE)));
    expect(finalists?.slope).toBeLessThan(0);
    expect(uniformPaper?.slope).toBeLessThan(0);
    expect(lift).toBeCloseTo(1 - at(finalists) / at(uniformPaper), 9);
    // The paper found 9.48 % on another model; here it is better too.
    expect(lift).toBeGreaterThan(0);
  }, 600_000);

  it('is refused beside what it pins, and no other is known', async () => {
    const asked: DeepPartial<SearchRequest> = {
      model: DEMO,
      budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }],
      texts: texts ?? {},
    };
    await expect(verbs.client.runSearch({ ...asked, preset: Preset.PAPER, rounds: 2 })).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'rounds' }],
    });
    await expect(
      verbs.client.runSearch({ ...asked, preset: Preset.PAPER, space: { rateStep: 0.2 } }),
    ).rejects.toMatchObject({ violations: [{ field: 'space.rate_step' }] });
    await expect(verbs.client.runSearch({ ...asked, preset: 7 as Preset })).rejects.toMatchObject({
      violations: [{ field: 'preset' }],
    });
  });
});

/** Stories for each part, none of them in two. */
async function splitStories(): Promise<DeepPartial<SearchRequest>['texts']> {
  const stories = JSON.parse(await readFile(join(MODELS_ROOT, DEMO, 'stories.json'), 'utf8')) as string[];
  const part = (from: number, to: number): DeepPartial<Text> => ({
    source: { $case: 'inline', value: stories.slice(from * stories.length, to * stories.length).join('\n\n') },
  });
  return { calibration: part(0, 0.4), search: part(0.4, 0.6), verify: part(0.6, 0.8), report: part(0.8, 1) };
}
