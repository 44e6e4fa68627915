import { describe, expect, it } from 'vitest';
import { watchJob } from '../../src/cli/session/watch-job.js';
import { CallError, type FollowOptions, type JobEvent } from '../../src/client/index.js';

describe('watchJob', () => {
  it('says once that the server is lost, however often it is tried again, and once that it is back', async () => {
    const lines: string[] = [];
    const error = new CallError('No connection established', { code: 'UNAVAILABLE' });
    async function* follow({ onLost }: FollowOptions): AsyncGenerator<JobEvent, void, undefined> {
      for (let attempt = 1; attempt <= 3; attempt += 1) onLost?.({ error, delayMs: attempt });
      for (const payload of [
        { $case: 'started', value: {} },
        { $case: 'ended', value: {} },
      ])
        yield { jobId: 'job-1', sequence: 1n, payload } as unknown as JobEvent;
    }
    const printer = {
      note: (line: string) => void lines.push(line),
      event: ({ payload }: JobEvent) => void lines.push(payload?.$case ?? ''),
      endProgress: () => undefined,
    };
    await watchJob(follow, { printer } as unknown as Parameters<typeof watchJob>[1], { onInterrupt: 'leave' });
    expect(lines).toEqual([
      'lost the server; trying again, Ctrl-C ends that',
      'the server is back',
      'started',
      'ended',
    ]);
  });
});
