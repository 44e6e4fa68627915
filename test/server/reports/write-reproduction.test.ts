import { describe, expect, it } from 'vitest';
import { RecoverySpec } from '../../../src/gen/prunecast/v1/common.js';
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

  it('train the winner as the study did, on a file with the text that was sent', () => {
    const text = { source: { $case: 'inline' as const, value: 'Once upon a time\nthere was a model.' } };
    const trained = SearchRequest.encode({
      ...SearchRequest.decode(request),
      recovery: RecoverySpec.fromPartial({ plugin: { id: 'distill' }, text: { text, sequences: 64 } }),
    }).finish();
    const [comment, command] = writeReproduction({ request: trained }, 'search');
    expect(comment).toMatch(/^# recovery-text\.txt: the text of 35 characters/);
    expect(command).toContain(
      '--recovery distill \\\n  --recovery-text recovery-text.txt \\\n  --recovery-sequences 64',
    );
  });

  it('write no output as a call either', () => {
    const [call] = writeReproduction({ request }, 'sample');
    expect(call).toContain('PairService.SamplePairs');
    expect(call).not.toMatch(/output|overwrite|first/);
  });
});
