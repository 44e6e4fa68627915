import { describe, expect, it } from 'vitest';
import { compareLabels, type Labelled } from '../../bench/accuracy-scale/compare-labels.js';
import { summariseOutcomes } from '../../bench/accuracy-scale/format-outcomes.js';
import { makeStoryQuestions } from '../../bench/accuracy-scale/story-questions.js';
import { createRng } from '../../src/core/random.js';

/** The less is pruned, the larger is the margin of every question; a question is answered rightly if it is above 0. */
function labelByRate(architectures: number, questions: number): Labelled {
  const rng = createRng(1);
  const rates = Float32Array.from({ length: architectures }, () => rng.uniform());
  const hardness = Array.from({ length: questions }, () => rng.uniform());
  return {
    dimensions: ['layers.0.ffn_channels'],
    rates,
    architectures: Array.from(rates, (rate) => {
      const margins = hardness.map((hard) => 1 - rate - hard);
      return { margins, correct: margins.map((margin) => (margin > 0 ? 1 : 0)), losses: [rng.uniform()] };
    }),
    tokensOfQuestion: 10,
    scoredOfWindow: 100,
  };
}

describe('compareLabels', () => {
  it('ranks by a margin that the rates explain as the truth does, and by a random loss not at all', async () => {
    const outcomes = await compareLabels(labelByRate(60, 260), { fitted: 30, counts: [10], seeds: 4 });
    const rows = summariseOutcomes(outcomes).filter(({ predictor }) => predictor === 'ridge');
    const tauOf = (asked: string) => rows.find(({ label }) => label === asked)?.tau;
    expect(tauOf('margin')).toBeGreaterThan(0.95);
    expect(Math.abs(tauOf('log perplexity') ?? Number.NaN)).toBeLessThan(0.6);
    expect(rows.find(({ label }) => label === 'margin')?.regret).toBeLessThan(0.01);
  });
});

function tellStory(name: string): string {
  return `Once there was a small cat, and its name was really ${name}. It ran. Then ${name} ran home to sleep in a warm bed.`;
}

describe('makeStoryQuestions', () => {
  it('asks after which beginning a story goes on so, and leaves out stories that are too short', () => {
    const names = ['Tom', 'Ann', 'Bob', 'Sue', 'Max'];
    const questions = makeStoryQuestions([...names.map(tellStory), 'It ended.']);
    expect(questions.map(({ continuation }) => continuation.split(' ')[3])).toEqual(names);
    for (const [index, { context_options: beginnings, gold }] of questions.entries()) {
      expect(beginnings).toHaveLength(4);
      expect(beginnings[gold]).toMatch(new RegExp(`name was really ${names[index]}\\.$`));
    }
  });
});
