import { describe, expect, it } from 'vitest';
import { EvaluateRequest } from '../../../src/gen/prunecast/v1/pruning.js';
import { JobKind } from '../../../src/gen/prunecast/v1/job.js';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import type { Jobs, RunContext } from '../../../src/server/jobs/jobs.js';
import { defineKind, startKind, type Prepared } from '../../../src/server/kinds/runnable-kind.js';
import { DONE, gate } from './scripted-jobs.js';

describe('startKind', () => {
  it('starts no job for a caller who has left by the time its request is checked', async () => {
    const started: unknown[] = [];
    const jobs = {
      findByRequestId: async () => undefined,
      start: async (spec: unknown) => started.push(spec),
    } as unknown as Jobs;
    const checking = gate();
    const checked = gate<Prepared>();
    const seen: AbortSignal[] = [];
    const kind = defineKind({
      kind: JobKind.EVALUATE,
      codec: EvaluateRequest,
      requestIdOf: () => '',
      prepare: (_request, { signal }) => {
        seen.push(signal);
        checking.open();
        return checked.opened;
      },
    });
    const call = new AbortController();
    const context = { signal: call.signal, progress: () => undefined, caller: 'anonymous', origin: { callId: 'call' } };
    const starting = startKind(jobs, kind, EvaluateRequest.create({ model: 'm' }), context);
    await checking.opened;
    call.abort(new Error('the caller has left'));
    await expect(starting).rejects.toThrow('the caller has left');
    checked.open({ plan: {}, phases: [], run: async () => DONE });
    await expect(startKind(jobs, kind, EvaluateRequest.create({ model: 'm' }), context)).rejects.toThrow(
      'the caller has left',
    );
    expect(started).toEqual([]);
    expect(seen).toEqual([call.signal]);
  });
});

/** Runs a job again whose request is now refused with an error. */
function restart(error: Error) {
  const kind = defineKind({
    kind: JobKind.EVALUATE,
    codec: EvaluateRequest,
    requestIdOf: () => '',
    prepare: async () => {
      throw error;
    },
  });
  const request = EvaluateRequest.encode(EvaluateRequest.create({ model: 'm' })).finish();
  const context = { jobId: 'job-1', signal: new AbortController().signal } as RunContext;
  return kind.restart(request, { jobId: 'job-1', studyId: '', plan: {} })(context);
}

describe('a job that is restarted', () => {
  it('waits for a server that has what it names, instead of failing', async () => {
    for (const reason of ['MODEL_NOT_FOUND', 'TEXT_NOT_FOUND', 'PATH_OUTSIDE_ROOTS', 'PLUGIN_NOT_FOUND'] as const)
      expect((await restart(new PrunecastError(reason, 'not here'))).change).toEqual({ to: 'paused' });
  });

  it('fails for every other reason', async () => {
    const error = new PrunecastError('JOB_NOT_RESUMABLE', 'a default has changed');
    await expect(restart(error)).rejects.toBe(error);
  });
});
