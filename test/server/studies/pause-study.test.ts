import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  JobState,
  RangeReason,
  StudyPhase,
  type DeepPartial,
  type JobEvent,
  type JobPaused,
  type SearchRequest,
} from '../../../src/client/index.js';
import { makeFolder } from '../../support/test-server.js';
import { listTrials, smallSearch, startVerbServer, type VerbServer } from '../verbs/verb-server.js';

let folder: string;
let verbs: VerbServer;
beforeAll(async () => {
  folder = await makeFolder();
  verbs = await startVerbServer({ folder });
});
afterAll(async () => {
  await verbs[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Follows a search until it waits; what it waits for. */
async function searchUntilPaused(
  request: DeepPartial<SearchRequest>,
): Promise<{ readonly jobId: string; readonly last: bigint; readonly paused: JobPaused }> {
  for await (const { jobId, sequence, payload } of verbs.client.search(request)) {
    if (payload?.$case === 'paused') return { jobId, last: sequence, paused: payload.value };
  }
  throw new Error('the study did not wait');
}

async function collectAfter(jobId: string, afterSequence: bigint): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of verbs.client.followJob(jobId, { afterSequence })) events.push(event);
  return events;
}

const stateOf = async (jobId: string) => (await verbs.client.services.jobs.getJob({ jobId })).job?.state;
const resume = (jobId: string, ranges: DeepPartial<{ dimension: string; minRate: number; maxRate: number }>[] = []) =>
  verbs.client.services.jobs.resumeJob({ jobId, ranges });
const reportOf = (events: readonly JobEvent[]) =>
  events.flatMap(({ payload }) =>
    payload?.$case === 'ended' && payload.value.result?.$case === 'search' ? [payload.value.result.value] : [],
  )[0];
const rangesOf = (events: readonly JobEvent[]) =>
  events.flatMap(({ payload }) =>
    payload?.$case === 'study' && payload.value.event?.$case === 'refined' ? [payload.value.event.value.ranges] : [],
  )[0] ?? [];

describe('pause_before', () => {
  it('shows the proposed ranges, survives a restart of the server, and gives the same study when they are accepted', async () => {
    const undisturbed = await verbs.client.runSearch(smallSearch());
    const { jobId, last, paused } = await searchUntilPaused(smallSearch({ pauseBefore: [StudyPhase.REFINE] }));
    expect(paused.before).toBe(StudyPhase.REFINE);
    expect(paused.ranges.map(({ dimension }) => dimension)).toHaveLength(10);
    expect(await stateOf(jobId)).toBe(JobState.PAUSED);
    await verbs[Symbol.asyncDispose]();
    verbs = await startVerbServer({ folder });
    expect(await stateOf(jobId)).toBe(JobState.PAUSED);
    await resume(jobId);
    const events = await collectAfter(jobId, last);
    expect(rangesOf(events)).toEqual(paused.ranges);
    const begun = events.flatMap(({ payload }) =>
      payload?.$case === 'study' && payload.value.event?.$case === 'phaseStarted' ? [payload.value.phase] : [],
    );
    expect(begun.slice(0, 2)).toEqual([StudyPhase.REFINE, StudyPhase.SAMPLE]);
    const report = reportOf(events);
    expect(report?.winner).toEqual(undisturbed.winner);
    expect(report?.summary).toBe(undisturbed.summary);
    await expect(resume(jobId)).rejects.toMatchObject({ reason: 'JOB_NOT_RESUMABLE' });
  });

  it('takes edited ranges in place of those proposed, and samples and searches inside them', async () => {
    const { jobId, last, paused } = await searchUntilPaused(
      smallSearch({ seed: 5n, pauseBefore: [StudyPhase.REFINE] }),
    );
    const dimension = 'layers.2.ffn_channels';
    await resume(jobId, [{ dimension, minRate: 0.3, maxRate: 0.4 }]);
    const events = await collectAfter(jobId, last);
    for (const range of rangesOf(events)) {
      const proposed = paused.ranges.find((other) => other.dimension === range.dimension);
      expect(range).toEqual(
        range.dimension === dimension
          ? { ...proposed, newMinRate: 0.3, newMaxRate: 0.4, reason: RangeReason.EDITED }
          : proposed,
      );
    }
    const inside = (await listTrials(verbs.client, reportOf(events)?.studyId ?? '')).filter(
      ({ round, control }) => round === 1 && control === '',
    );
    const kept = inside.flatMap(({ architecture, role }) =>
      role === 2 || role === 3 ? [architecture?.layers[2]?.ffnChannels ?? NaN] : [],
    );
    expect(kept.length).toBeGreaterThan(0);
    // Of 172 channels, rates from 0.3 to 0.4 leave 103 to 120.
    expect(kept.filter((channels) => channels < 103 || channels > 120)).toEqual([]);
  });

  it('refuses invalid ranges, and keeps waiting', async () => {
    const { jobId } = await searchUntilPaused(smallSearch({ seed: 6n, pauseBefore: [StudyPhase.REFINE] }));
    const dimension = 'layers.0.ffn_channels';
    await expect(
      resume(jobId, [
        { dimension, minRate: 0, maxRate: 0.2 },
        { dimension: 'layers.9.ffn_channels', minRate: 0, maxRate: 1 },
      ]),
    ).rejects.toMatchObject({ reason: 'SPACE_INVALID', violations: [{ field: 'ranges[1].dimension' }] });
    await expect(resume(jobId, [{ dimension, minRate: 0.4, maxRate: 0.2 }])).rejects.toMatchObject({
      reason: 'SPACE_INVALID',
      violations: [{ field: 'ranges[0]' }],
    });
    await expect(resume(jobId, [{ dimension }, { dimension }])).rejects.toMatchObject({
      reason: 'SPACE_INVALID',
      violations: [{ field: 'ranges[1].dimension' }],
    });
    const whole = [0, 1, 2, 3, 4].flatMap((layer) =>
      ['kv_heads', 'ffn_channels'].map((kind) => ({ dimension: `layers.${layer}.${kind}`, minRate: 0, maxRate: 0 })),
    );
    await expect(resume(jobId, whole)).rejects.toMatchObject({ reason: 'BUDGET_INFEASIBLE' });
    expect(await stateOf(jobId)).toBe(JobState.PAUSED);
    await verbs.client.services.jobs.cancelJob({ jobId });
    expect(await stateOf(jobId)).toBe(JobState.CANCELLED);
  });

  it('waits before any phase, once each time that it comes, and takes ranges before the refinement only', async () => {
    const request = smallSearch({ seed: 7n, pauseBefore: [StudyPhase.SCORE, StudyPhase.VERIFY, StudyPhase.EXPORT] });
    const { jobId } = await searchUntilPaused(request);
    const phases: (StudyPhase | undefined)[] = [];
    for (;;) {
      const { job } = await verbs.client.services.jobs.getJob({ jobId });
      if (job?.state === JobState.SUCCEEDED) break;
      if (job?.state !== JobState.PAUSED) continue;
      phases.push((await verbs.client.services.studies.getStudy({ studyId: job.studyId })).study?.phase);
      await expect(resume(jobId, [{ dimension: 'layers.0.ffn_channels', maxRate: 1 }])).rejects.toMatchObject({
        violations: [{ field: 'ranges' }],
      });
      await resume(jobId);
    }
    expect(phases).toEqual([StudyPhase.SCORE, StudyPhase.VERIFY, StudyPhase.EXPORT]);
  });

  it('keeps the study from being deleted until its job has ended', async () => {
    const { studies, jobs } = verbs.client.services;
    const { jobId } = await searchUntilPaused(smallSearch({ seed: 9n, pauseBefore: [StudyPhase.FIT] }));
    const studyId = (await jobs.getJob({ jobId })).job?.studyId ?? '';
    const [newest] = (await studies.listStudies({ pageSize: 1 })).studies;
    expect(newest).toMatchObject({ id: studyId, jobId, state: JobState.PAUSED });
    expect(newest?.trials).toBe((await studies.getStudy({ studyId })).study?.trials);
    await expect(studies.deleteStudy({ studyId })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'JOB_ACTIVE',
    });
    await jobs.cancelJob({ jobId });
    await studies.deleteStudy({ studyId });
    const gone = { reason: 'STUDY_NOT_FOUND' };
    await expect(studies.getStudy({ studyId })).rejects.toMatchObject(gone);
    await expect(studies.listTrials({ studyId })).rejects.toMatchObject(gone);
    await expect(studies.deleteStudy({ studyId })).rejects.toMatchObject(gone);
    expect((await studies.listStudies({})).studies.map(({ id }) => id)).not.toContain(studyId);
    expect(await stateOf(jobId)).toBe(JobState.CANCELLED);
  });

  it('is refused before a refinement that never comes', async () => {
    await expect(
      verbs.client.planSearch(smallSearch({ pauseBefore: [StudyPhase.REFINE], refine: { disabled: true } })),
    ).rejects.toMatchObject({ violations: [{ field: 'pause_before[0]' }] });
  });
});

describe('a server that is configured to let interrupted jobs wait', () => {
  it('has them wait for ResumeJob at its next start', async () => {
    const request = smallSearch({ seed: 8n, requestId: 'interrupted' });
    let jobId = '';
    for await (const event of verbs.client.search(request)) {
      ({ jobId } = event);
      if (event.payload?.$case === 'study' && event.payload.value.event?.$case === 'trial') break;
    }
    await verbs[Symbol.asyncDispose]();
    verbs = await startVerbServer({ folder, config: { interruptedJobs: 'pause' } });
    expect(await stateOf(jobId)).toBe(JobState.PAUSED);
    await resume(jobId);
    expect((await verbs.client.runSearch(request)).winner).toBeDefined();
  });

  it('leaves them to a server that resumes by itself, but not those that wait by their own plan', async () => {
    const requests = {
      interrupted: smallSearch({ seed: 9n, requestId: 'interrupted-2' }),
      planned: smallSearch({ seed: 10n, requestId: 'planned', pauseBefore: [StudyPhase.FIT] }),
    };
    const planned = await runUntil(requests.planned, 'paused');
    const interrupted = await runUntil(requests.interrupted, 'study');
    await verbs[Symbol.asyncDispose]();
    verbs = await startVerbServer({ folder, config: { interruptedJobs: 'pause' } });
    expect([await stateOf(interrupted), await stateOf(planned)]).toEqual([JobState.PAUSED, JobState.PAUSED]);
    await verbs[Symbol.asyncDispose]();
    verbs = await startVerbServer({ folder });
    expect((await verbs.client.runSearch(requests.interrupted)).winner).toBeDefined();
    expect(await stateOf(planned)).toBe(JobState.PAUSED);
  });
});

/** Starts a search, and leaves it at its first event of a kind. */
async function runUntil(request: ReturnType<typeof smallSearch>, kind: string): Promise<string> {
  for await (const event of verbs.client.search(request)) if (event.payload?.$case === kind) return event.jobId;
  throw new Error(`no ${kind} event came`);
}
