import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createStatePool } from '../../../src/engine/forward/hidden-states.js';
import { createStateShelf } from '../../../src/engine/compensation/state-shelf.js';

function values(place: number, round: number): Float32Array {
  return Float32Array.from({ length: place % 2 === 0 ? 2 : 3 }, (_, at) => 100 * round + 10 * place + at);
}

it('returns what was written last, from memory or from disk, and leaves no file behind', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'prunecast-shelf-'));
  const pool = createStatePool();
  // The first two places fit, the others go to disk.
  const shelf = createStateShelf({ sizes: [2, 3, 2, 3], limitBytes: 20, directory, pool });
  for (const round of [1, 2]) {
    for (const place of [0, 1, 2, 3]) await shelf.write(place, values(place, round));
    for (const place of [3, 0, 2, 1]) {
      const states = await shelf.read(place);
      expect(states).toEqual(values(place, round));
      shelf.giveBack(place, states);
      expect(await shelf.read(place)).toEqual(values(place, round));
    }
  }
  // Arrays that went to disk can be used again.
  const reused = values(3, 3);
  await shelf.write(3, reused);
  expect([pool.take(3), pool.take(3)]).toContain(reused);
  await expect(shelf.read(0)).rejects.toThrow(RangeError);
  await shelf.close();
  expect(await readdir(directory)).toEqual([]);
  await rm(directory, { recursive: true });
});
