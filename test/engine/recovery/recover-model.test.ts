import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Architecture } from '../../../src/core/model/shape.js';
import { identityRanking } from '../../../src/core/model/units.js';
import type { TrainingPlan } from '../../../src/core/ports/recovery.js';
import type { LanguageModel, RankedRecipe } from '../../../src/engine/language-model.js';
import distill from '../../../src/plugins/recoveries/distill.js';
import { calibrationSequences, evaluationWindows } from '../../support/criteria-reference.js';
import { DEMO_DIRECTORY, unattended, withModel } from '../../support/demo-model.js';

/** Half of the channels of every layer gone, and the attention of one. */
const prune = ({ shape: { layers } }: LanguageModel): Architecture =>
  layers.map((layer, index) => ({
    ...layer,
    ffnChannels: 86,
    ...(index === 3 ? { kvHeads: 0, queryHeadsPerKv: 0 } : {}),
  }));

const planOf = (options: Record<string, number>): TrainingPlan => {
  const plan = distill.plan(distill.options.parse({ warm_up_steps: 3, learning_rate: 0.003, ...options }));
  if (plan === undefined) throw new Error('distill has a plan');
  return plan;
};

async function perplexity(model: LanguageModel, recipe: RankedRecipe, architecture: Architecture): Promise<number> {
  for await (const { losses } of model
    .subject(recipe)
    .observe([architecture], { sequences: evaluationWindows }, unattended)) {
    const predictions = evaluationWindows.reduce((sum, { tokens }) => sum + tokens.length - 1, 0);
    return Math.exp(losses.reduce((sum, loss) => sum + loss, 0) / predictions);
  }
  return NaN;
}

describe('recover', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'recovery-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('brings the demo model back at least a third of the perplexity that pruning lost, on text that it was not trained on', async () => {
    await withModel(DEMO_DIRECTORY, async (model) => {
      const recipe: RankedRecipe = { ranking: identityRanking(model.shape.layers) };
      const architecture = prune(model);
      const dense = await perplexity(model, recipe, model.shape.layers);
      const before = await perplexity(model, recipe, architecture);
      const { file, ...outcome } = await model.recover(
        {
          recipe,
          architecture,
          sequences: calibrationSequences,
          plan: planOf({ passes: 12, sequences_per_step: 4, patience: 8 }),
          directory,
        },
        unattended,
      );
      const after = await perplexity(model, { ...recipe, trained: { path: file, key: 'own' } }, architecture);
      expect(before - after).toBeGreaterThan((before - dense) / 3);
      expect(outcome).toMatchObject({ steps: 45, ended: 'finished', tokens: 45 * 4 * 128 });
      expect(outcome.after).toBeLessThan(outcome.before);
    });
  });

  it.each([
    ['with all of its state in memory', {}, {}],
    ['with little memory', { memoryBudgetBytes: 30e6 }, {}],
    ['with factors of low rank', {}, { rank: 4 }],
    ['with factors of low rank and little memory', { memoryBudgetBytes: 30e6 }, { rank: 4 }],
  ])('comes to the same weights, bit for bit, if it is killed and called again, %s', async (_, options, more) => {
    const plan = planOf({ passes: 3, sequences_per_step: 4, checks: 4, ...more });
    let saves = 0;
    const train = (place: string, stopAfterSaves = Infinity): Promise<Buffer> =>
      withModel(
        DEMO_DIRECTORY,
        async (model) => {
          const killed = new AbortController();
          let kept = 0;
          const { file } = await model.recover(
            {
              recipe: { ranking: identityRanking(model.shape.layers) },
              architecture: prune(model),
              sequences: calibrationSequences,
              plan,
              directory: join(directory, place),
              saveEveryMs: 0,
            },
            {
              signal: killed.signal,
              report: ({ saved = false }) => {
                if (!saved) return;
                saves += 1;
                if (++kept === stopAfterSaves) killed.abort(new Error('killed'));
              },
            },
          );
          return readFile(file);
        },
        { threads: 1, ...options },
      );
    const whole = await train('whole');
    expect(saves).toBeGreaterThan(1);
    await expect(train('parts', 2)).rejects.toThrow('killed');
    expect(await readdir(join(directory, 'parts'))).toContain('state.arrays');
    expect((await train('parts')).equals(whole)).toBe(true);
  });

  it('refuses a text with a single sequence, which leaves none to choose the best weights on', async () => {
    await withModel(DEMO_DIRECTORY, async (model) => {
      const recovery = model.recover(
        {
          recipe: { ranking: identityRanking(model.shape.layers) },
          architecture: prune(model),
          sequences: calibrationSequences.slice(0, 1),
          plan: planOf({}),
          directory,
        },
        unattended,
      );
      await expect(recovery).rejects.toMatchObject({ reason: 'INVALID_REQUEST' });
    });
  });
});
