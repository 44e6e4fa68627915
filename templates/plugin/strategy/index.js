import { countsKey, defineStrategy, z } from 'prunecast/plugin';

/** Random points first, then neighbours of the best predicted ones. All are within the budget by construction. */
export default defineStrategy({
  id: 'my-plugin',
  summary: 'Random candidates, then neighbours of the best ones.',
  objectives: 'one',
  options: z.strictObject({
    batch: z.int().min(1).max(10_000).default(128).describe('Candidates predicted at a time.'),
    parents: z.int().min(1).max(1000).default(16).describe('Of how many of the best ones neighbours are tried.'),
  }),
  start: ({ space, sampler, rng, candidates, evaluated }, { batch, parents }) => {
    const known = new Set(evaluated.map(({ counts }) => countsKey(counts)));
    /** @type {Set<string>} */
    const seen = new Set();
    /** @type {(readonly number[])[]} */
    let asked = [];
    /** The predicted points, best first. @type {{ counts: readonly number[], value: number }[]} */
    let told = [];

    const draw = () => {
      if (told.length === 0 || rng.uniform() < 0.25) return sampler.sample(rng);
      const counts = [...told[rng.integer(Math.min(parents, told.length))].counts];
      const changed = rng.integer(counts.length);
      const allowed = space.dimensions[changed].counts;
      counts[changed] = allowed[rng.integer(allowed.length)];
      return sampler.repair(counts, rng);
    };

    return {
      ask: () => {
        asked = [];
        // So many repeats in a row: hardly a point is left.
        for (let repeats = 0; asked.length < batch && seen.size < candidates && repeats < 1000; repeats++) {
          const counts = draw();
          if (counts === undefined || seen.has(countsKey(counts))) continue;
          seen.add(countsKey(counts));
          asked.push(counts);
          repeats = 0;
        }
        return asked;
      },
      tell: ([{ mean }]) => {
        told = [...told, ...asked.map((counts, index) => ({ counts, value: mean[index] }))];
        told.sort((a, b) => a.value - b.value);
      },
      best: (count) =>
        told
          .map(({ counts }) => counts)
          .filter((counts) => !known.has(countsKey(counts)))
          .slice(0, count),
    };
  },
});
