import { describe, expect, it } from 'vitest';
import { SearchRequest } from '../../../src/gen/prunecast/v1/pruning.js';
import { writeReproduction } from '../../../src/server/reports/write-reproduction.js';

const request = SearchRequest.encode(
  SearchRequest.fromPartial({
    model: '/models/stories260k',
    texts: { text: { source: { $case: 'path', value: '/texts/stories.json' } } },
    budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }],
    output: '/outputs/pruned',
    overwrite: true,
    requestId: 'first',
  }),
).finish();

describe('the commands that reproduce a study', () => {
  it('run beside what the study wrote: one command, whose output and request id are its own, with its own page', () => {
    const commands = writeReproduction({ request }, 'search');
    expect(commands).toHaveLength(1);
    expect(commands[0]?.split(' \\\n  ')).toEqual([
      'prunecast search',
      '--model /models/stories260k',
      '--text /texts/stories.json',
      '--remove 20%',
      '--report reproduced.html',
    ]);
  });

  it('write no output as a call either', () => {
    const [call] = writeReproduction({ request }, 'sample');
    expect(call).toContain('PairService.SamplePairs');
    expect(call).not.toMatch(/output|overwrite|first/);
  });
});
