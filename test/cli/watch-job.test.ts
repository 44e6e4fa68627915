import { describe, expect, it } from 'vitest';
import { describeEvent } from '../../src/cli/output/describe-event.js';
import { watchJob } from '../../src/cli/session/watch-job.js';
import { CallError, StudyPhase, type FollowOptions, type JobEvent } from '../../src/client/index.js';

describe('watchJob', () => {
  it('says once that the server is lost, however often it is tried again, and once that it is back', async () => {
    const { lines, printer } = keepLines();
    const error = new CallError('No connection established', { code: 'UNAVAILABLE' });
    async function* follow({ onLost }: FollowOptions): AsyncGenerator<JobEvent, void, undefined> {
      for (let attempt = 1; attempt <= 3; attempt += 1) onLost?.({ error, delayMs: attempt });
      for (const name of ['started', 'ended']) yield makeEvent(name);
    }
    await watchJob(follow, { printer } as unknown as Parameters<typeof watchJob>[1], { onInterrupt: 'leave' });
    expect(lines).toEqual([
      'lost the server; trying again, Ctrl-C ends that',
      'the server is back',
      'started',
      'ended',
    ]);
  });

  it('says once that a busy server is silent, and goes on waiting', async () => {
    const { lines, printer } = keepLines();
    await watchJob(
      async function* ({ onSilence }) {
        onSilence?.();
        onSilence?.();
        yield makeEvent('ended');
      },
      { printer } as unknown as Parameters<typeof watchJob>[1],
      { onInterrupt: 'leave' },
    );
    expect(lines).toEqual([expect.stringContaining('may be busy; still waiting'), 'ended']);
  });

  it('tells what becomes of the job of a server that no longer answers, and leaves other errors as they are', async () => {
    const { printer } = keepLines();
    const session = { printer, describeLost: (jobId: string) => `watch ${jobId} again` };
    const fail = (error: CallError) =>
      watchJob(
        async function* () {
          yield makeEvent('started');
          throw error;
        },
        session as unknown as Parameters<typeof watchJob>[1],
        { onInterrupt: 'leave' },
      );
    await expect(fail(new CallError('no', { code: 'UNAVAILABLE' }))).rejects.toThrow('watch job-1 again');
    await expect(fail(new CallError('no', { code: 'NOT_FOUND', reason: 'JOB_NOT_FOUND' }))).rejects.toThrow('no');
  });

  it('leaves a job alone that waits for room on a disk, and says so: it goes on by itself', async () => {
    const { lines, printer } = keepLines();
    const error = { code: 8, message: 'the disk is full: free some space', details: [] };
    const paused = makeEvent('paused', { before: StudyPhase.UNSPECIFIED, ranges: [], error });
    // Its server ends with the commands; a job that was only interrupted would be asked for and resumed here.
    await watchJob(
      async function* () {
        yield paused;
        yield makeEvent('started');
        yield makeEvent('ended');
      },
      { printer, serverStays: false } as unknown as Parameters<typeof watchJob>[1],
      { onInterrupt: 'leave' },
    );
    expect(lines).toEqual(['paused', 'started', 'ended']);
    expect(describeEvent(paused)).toEqual([
      'job job-1: paused: the disk is full: free some space; once that is mended, the job goes on by itself',
    ]);
  });
});

function makeEvent($case: string, value: object = {}): JobEvent {
  return { jobId: 'job-1', sequence: 1n, payload: { $case, value } } as unknown as JobEvent;
}

function keepLines() {
  const lines: string[] = [];
  const printer = {
    note: (line: string) => void lines.push(line),
    event: ({ payload }: JobEvent) => void lines.push(payload?.$case ?? ''),
    endProgress: () => undefined,
  };
  return { lines, printer };
}
