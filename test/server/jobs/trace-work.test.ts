import { describe, expect, it } from 'vitest';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import { NO_TRACER, type SpanStart, type Tracer } from '../../../src/core/ports/tracer.js';
import type { RunContext, Work } from '../../../src/server/jobs/jobs.js';
import { traceWork } from '../../../src/server/jobs/trace-work.js';
import type { ReadyJob } from '../../../src/server/jobs/runner.js';

const TRACE = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };

function openTracer() {
  const starts: SpanStart[] = [];
  const told: unknown[] = [];
  const tracer: Tracer = {
    begin: (start) => {
      starts.push(start);
      return {
        context: undefined,
        within: (work) => work(),
        enter: ({ name, attributes }) => void told.push([name, attributes ?? {}]),
        leave: () => void told.push('left'),
        end: (facts) => void told.push(facts),
      };
    },
  };
  return { tracer, starts, told };
}

function jobOf(run: Work, opened: ReadyJob['opened']): ReadyJob {
  return {
    held: { jobId: 'job-1', token: 1 },
    run,
    queued: { jobId: 'job-1', lane: 'model', kind: 'SEARCH', caller: 'shop', bytes: 0 },
    opened,
    origin: { callId: 'order-7', trace: TRACE },
  };
}

const END = { kind: 'event', payload: new Uint8Array(), change: { to: 'paused' } } as const;

const nothing = () => undefined;
async function* stored() {}
const endAtOnce: Work = async () => END;

function contextOf(signal = new AbortController().signal): { context: RunContext; entered: unknown[] } {
  const entered: unknown[] = [];
  const phases = { declare: nothing, count: nothing, leave: nothing, enter: (name: string) => void entered.push(name) };
  const context = { jobId: 'job-1', signal, commit: async () => undefined, join: nothing, keep: nothing, stored };
  return { context: { ...context, progress: nothing, phases }, entered };
}

describe('the span of a job', () => {
  it('is part of the call that started it, with its phases one after the other', async () => {
    const { tracer, starts, told } = openTracer();
    const { context, entered } = contextOf();
    const run: Work = async ({ phases }) => {
      phases.enter('sample', 2);
      phases.leave();
      return END;
    };
    expect(await traceWork(tracer, jobOf(run, { seconds: 1 }))(context)).toBe(END);
    expect(starts).toEqual([
      {
        name: 'job SEARCH',
        parent: TRACE,
        attributes: {
          'prunecast.job_id': 'job-1',
          'prunecast.kind': 'SEARCH',
          'prunecast.caller': 'shop',
          'prunecast.request_id': 'order-7',
        },
      },
    ]);
    expect(told).toEqual([
      ['phase sample', { 'prunecast.round': 2 }],
      'left',
      { attributes: { 'prunecast.state': 'paused' } },
    ]);
    expect(entered).toEqual(['sample']);
  });

  it('begins a trace of its own when the job goes on, and leads back to the call', async () => {
    const { tracer, starts, told } = openTracer();
    await traceWork(tracer, jobOf(endAtOnce, { before: [] }))(contextOf().context);
    expect(starts).toMatchObject([{ parent: 'none', link: TRACE }]);
    expect(told[0]).toEqual(['phase open', {}]);
  });

  it('says what a job failed with, and what ended it from outside, which is no fault', async () => {
    const { tracer, told } = openTracer();
    const fail = new PrunecastError('MODEL_CHANGED', 'the checkpoint has changed');
    const work = traceWork(
      tracer,
      jobOf(() => Promise.reject(fail), { seconds: 0 }),
    );
    await expect(work(contextOf().context)).rejects.toBe(fail);
    const stopped = AbortSignal.abort(new PrunecastError('SERVER_STOPPING', 'the server is shutting down'));
    await expect(work(contextOf(stopped).context)).rejects.toBe(fail);
    expect(told).toEqual([
      { attributes: { 'prunecast.state': 'failed' }, fault: 'MODEL_CHANGED' },
      { attributes: { 'prunecast.ended_by': 'SERVER_STOPPING' } },
    ]);
  });

  it('says of a job that a full disk lets wait that it is paused, and why', async () => {
    const { tracer, told } = openTracer();
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    const work = traceWork(
      tracer,
      jobOf(() => Promise.reject(full), { seconds: 0 }),
    );
    await expect(work(contextOf().context)).rejects.toBe(full);
    expect(told).toEqual([{ attributes: { 'prunecast.state': 'paused' }, fault: 'STORAGE_FULL' }]);
  });

  it('costs nothing where nobody traces', () => {
    expect(traceWork(NO_TRACER, jobOf(endAtOnce, { seconds: 0 }))).toBe(endAtOnce);
  });
});
