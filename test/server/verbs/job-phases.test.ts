import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createClient,
  JobPhaseState,
  JobState,
  StudyPhase,
  type DeepPartial,
  type JobEvent,
  type JobPhase,
  type JobProgress,
  type PrunecastClient,
  type PruneRequest,
} from '../../../src/client/index.js';
import { CRITERIA } from '../../support/criteria-reference.js';
import { startServerChild } from '../../support/server-child.js';
import { makeFolder } from '../../support/test-server.js';
import {
  CALIBRATION,
  DEMO,
  listTrials,
  MAGNITUDE,
  REFERENCE_TEXT,
  smallSearch,
  startVerbServer,
  tokenText,
  type VerbServer,
} from './verb-server.js';

const SEARCH = smallSearch({
  pairs: { count: 16, rungs: [{ tokenLimit: 256n }] },
  candidates: 200n,
  output: 'winner',
});

const nameOf = (table: Readonly<Record<string, number>>, value: number): string =>
  (Object.entries(table).find(([, number]) => number === value)?.[0] ?? '').toLowerCase();

/** The phases of a job, a line each: `sample/1 done 4/4 trials`. Files tell their own names, so their bytes differ. */
const describePhases = (phases: readonly JobPhase[]): string[] =>
  phases.map(({ name, round, state, done, total, unit }) =>
    [
      `${name}${round > 0 ? `/${round}` : ''}`,
      nameOf(JobPhaseState, state),
      ...(unit !== '' && unit !== 'bytes' ? [`${done}/${total} ${unit}`] : []),
    ].join(' '),
  );

const namesOf = (phases: readonly JobPhase[]) => phases.map(({ name, state }) => [name, nameOf(JobPhaseState, state)]);

const sum = (counted: readonly JobPhase[]) => counted.reduce((all, { done }) => all + Number(done), 0);

/** The phases in which a job reported an activity. */
const phasesWith = (progress: readonly JobProgress[], activity: string): string[] => [
  ...new Set(progress.flatMap((told) => (told.activity === activity ? [told.phase?.name ?? ''] : []))),
];

const secondsOf = (phases: readonly JobPhase[], name: string) =>
  phases.find((phase) => phase.name === name)?.elapsedSeconds ?? NaN;

const phasesOf = async (client: PrunecastClient, jobId: string): Promise<JobPhase[]> =>
  (await client.services.jobs.getJob({ jobId })).job?.phases ?? [];

async function collect(
  events: AsyncIterable<JobEvent>,
): Promise<{ readonly jobId: string; readonly events: JobEvent[]; readonly progress: JobProgress[] }> {
  const all: JobEvent[] = [];
  for await (const event of events) all.push(event);
  const progress = all.flatMap(({ payload }) => (payload?.$case === 'progress' ? [payload.value] : []));
  return { jobId: all[0]?.jobId ?? '', events: all, progress };
}

describe('the phases of a job', () => {
  let verbs: VerbServer;
  let client: PrunecastClient;
  beforeAll(async () => {
    verbs = await startVerbServer();
    ({ client } = verbs);
  });
  afterAll(() => verbs[Symbol.asyncDispose]());

  it('of a Search are those of its study, in the order in which they came, with the trials of each', async () => {
    const { jobId, events, progress } = await collect(client.search(SEARCH));
    const phases = await phasesOf(client, jobId);
    const { job } = await client.services.jobs.getJob({ jobId });
    const trials = await listTrials(client, job?.studyId ?? '');
    const begun = events.flatMap(({ payload }) =>
      payload?.$case === 'study' && payload.value.event?.$case === 'phaseStarted'
        ? [nameOf(StudyPhase, payload.value.phase)]
        : [],
    );
    // The study comes to `recipe` for the level points of its only recipe.
    expect(phases.map(({ name }) => name)).toEqual(['open', ...begun]);
    expect(phases.map(({ state }) => state)).toEqual(phases.map(() => JobPhaseState.DONE));
    const inTrials = phases.filter(({ unit }) => unit === 'trials');
    expect(sum(inTrials)).toBe(trials.length);
    expect(sum(inTrials.filter(({ name }) => name === 'recipe' || name === 'sample'))).toBe(16);
    expect(inTrials.map(({ total }) => total)).toEqual(inTrials.map(({ done }) => done));
    const spent = phases.reduce((seconds, { elapsedSeconds }) => seconds + elapsedSeconds, 0);
    expect(spent).toBeGreaterThan(0);

    const numbers = progress.map(({ phaseNumber }) => phaseNumber);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    for (const { phase, phaseNumber, phaseCount, overall } of progress) {
      expect(phases[phaseNumber - 1]?.name).toBe(phase?.name);
      expect(phaseCount).toBe(phases.length);
      expect(overall).toBeGreaterThanOrEqual(0);
      expect(overall).toBeLessThanOrEqual(1);
    }
    // A phase that has no trials is as far as its activity.
    const told = progress.filter(({ phase }) => phase?.unit !== 'trials');
    expect(told.map(({ phase }) => [phase?.done, phase?.total, phase?.unit])).toEqual(
      told.map(({ done, total, unit }) => [done, total, unit]),
    );
    expect(phasesWith(progress, 'labelling pairs').filter((name) => name !== 'recipe')).toEqual(['sample']);
    expect(phasesWith(progress, 'verifying')).toEqual(['verify']);
    expect(phasesWith(progress, 'measuring controls')).toEqual(['controls']);
    const shares = progress.map(({ overall }) => overall ?? NaN);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  });

  it('are as far as its newest event while it runs', async () => {
    const seen: string[] = [];
    for await (const { jobId, payload } of client.search({ ...SEARCH, seed: 11n, output: '' })) {
      if (payload?.$case !== 'study' || payload.value.event?.$case !== 'phaseStarted') continue;
      const phases = await phasesOf(client, jobId);
      const states = phases.map(({ state }) => state);
      // One runs, or none if the job has ended by the time that it is asked for.
      expect(states.filter((state) => state === JobPhaseState.RUNNING).length).toBeLessThanOrEqual(1);
      const started = phases.findIndex(({ name }) => name === nameOf(StudyPhase, payload.value.phase));
      expect(states.slice(0, started)).not.toContain(JobPhaseState.PENDING);
      seen.push(...phases.flatMap(({ name, state }) => (state === JobPhaseState.RUNNING ? [name] : [])));
    }
    expect(seen).toContain('sample');
  });

  it('of a Prune whose weights are fitted on its own stream has that as a phase, whose tokens are told', async () => {
    const request: DeepPartial<PruneRequest> = {
      model: DEMO,
      recipe: {
        criterion: { id: 'magnitude' },
        compensation: { id: 'least-squares', options: { fit: 'stream' } },
        calibration: CALIBRATION,
      },
      selection: { $case: 'uniformRate', value: 0.25 },
      output: 'streamed',
    };
    // 16 sequences of 128 tokens; every layer loses heads and channels.
    const plan = await client.planPrune(request);
    expect(plan.streamFit).toEqual({ tokens: 2048n, layers: 5, fits: 10 });
    const { jobId, progress } = await collect(client.prune(request));
    expect(namesOf(await phasesOf(client, jobId))).toEqual([
      ['open', 'done'],
      ['calibrate', 'done'],
      ['compensate', 'done'],
      ['export', 'done'],
    ]);
    const fitting = progress.filter(({ phase }) => phase?.name === 'compensate');
    expect(fitting.map(({ activity }) => activity)).toContain('compensating on the stream');
    expect(fitting.at(-1)).toMatchObject({ unit: 'tokens', done: 2048n, total: 2048n });
  });

  it('of the other kinds of job are their own', async () => {
    const evaluated = await collect(
      client.evaluate({
        model: DEMO,
        recipe: MAGNITUDE,
        measurement: { text: REFERENCE_TEXT },
        targets: [0.1, 0.2].map((value) => ({ target: { $case: 'uniformRate', value } }) as const),
      }),
    );
    const [, , evaluate] = await phasesOf(client, evaluated.jobId);
    expect(namesOf(await phasesOf(client, evaluated.jobId))).toEqual([
      ['open', 'done'],
      ['calibrate', 'done'],
      ['measure', 'done'],
    ]);
    expect(evaluate).toMatchObject({ done: 2n, total: 2n, unit: 'targets' });

    const { job: sample } = await client.services.pairs.samplePairs({ search: { ...SEARCH, output: '' } });
    await collect(client.followJob(sample?.id ?? ''));
    expect(describePhases(await phasesOf(client, sample?.id ?? ''))).toEqual([
      'open done',
      // The ranking of the Search before serves it too.
      expect.stringMatching(/^score done/),
      expect.stringMatching(/^recipe done/),
      expect.stringMatching(/^sample done/),
    ]);

    const { job: fit } = await client.services.predictors.fitPredictor({
      source: { $case: 'studyId', value: sample?.studyId ?? '' },
      predictor: { id: 'ridge' },
    });
    await collect(client.followJob(fit?.id ?? ''));
    expect(namesOf(await phasesOf(client, fit?.id ?? ''))).toEqual([
      ['open', 'done'],
      ['fit', 'done'],
    ]);
  });

  it('stand still while a study waits, and where a job was cancelled', async () => {
    const request = { ...SEARCH, seed: 12n, output: '', pauseBefore: [StudyPhase.REFINE] };
    for await (const { jobId, payload } of client.search(request)) {
      if (payload?.$case !== 'paused') continue;
      const states = new Map(namesOf(await phasesOf(client, jobId)) as [string, string][]);
      expect([states.get('sample'), states.get('refine'), states.get('report')]).toEqual([
        'pending',
        'pending',
        'pending',
      ]);
      expect([...states.values()]).not.toContain('running');
      await client.services.jobs.cancelJob({ jobId });
      break;
    }
    for await (const { jobId, payload } of client.search({ ...SEARCH, seed: 13n, output: '' })) {
      if (payload?.$case !== 'progress' || payload.value.activity !== 'labelling pairs') continue;
      await client.services.jobs.cancelJob({ jobId });
      const { job } = await client.services.jobs.getJob({ jobId });
      const { phases = [], progress } = job ?? {};
      expect(phases.filter(({ state }) => state === JobPhaseState.STOPPED)).toHaveLength(1);
      expect(phases).toContainEqual(progress?.phase);
      expect(phases.at(-1)?.state).toBe(JobPhaseState.PENDING);
      break;
    }
  });

  it('of a Prune are cut short while its weights are fitted on the stream, and its model serves the next job', async () => {
    const ids = CRITERIA.calibration_ids.flat();
    const request: DeepPartial<PruneRequest> = {
      model: DEMO,
      recipe: {
        criterion: { id: 'magnitude' },
        compensation: { id: 'least-squares', options: { fit: 'stream' } },
        calibration: {
          text: tokenText(Array.from({ length: 40 }, () => ids).flat()),
          sequences: 600,
          sequenceTokens: 128,
          bos: false,
        },
      },
      selection: { $case: 'uniformRate', value: 0.3 },
      output: 'cancelled',
    };
    const states: (number | undefined)[] = [];
    const events = client.prune(request);
    const follow = async (): Promise<void> => {
      for await (const { jobId, payload } of events) {
        if (payload?.$case !== 'progress' || payload.value.activity !== 'compensating on the stream') continue;
        states.push((await client.services.jobs.cancelJob({ jobId })).job?.state);
        states.push((await phasesOf(client, jobId)).find(({ name }) => name === 'compensate')?.state);
      }
    };
    await expect(follow()).rejects.toMatchObject({ reason: 'CANCELLED' });
    expect(states.slice(0, 2)).toEqual([JobState.CANCELLED, JobPhaseState.STOPPED]);
    expect(existsSync(verbs.path('outputs', 'cancelled'))).toBe(false);
    const [result] = await client.runEvaluate({
      model: DEMO,
      measurement: { text: REFERENCE_TEXT },
      fidelity: { tokenLimit: 256n },
      targets: [{ target: { $case: 'dense', value: {} } }],
    });
    expect(result?.scoredTokens).toBeGreaterThan(0n);
  });

  it('are told from before there is a job, while its texts are tokenized', async () => {
    const heard: JobEvent[] = [];
    const text = { source: { $case: 'inline', value: 'Once upon a time there was a cat. '.repeat(2000) } } as const;
    const first = await client
      .evaluate(
        { model: DEMO, measurement: { text }, targets: [{ target: { $case: 'dense', value: {} } }] },
        { onOpening: (event) => heard.push(event) },
      )
      .next();
    expect(heard.length).toBeGreaterThan(0);
    for (const { jobId, sequence, payload } of heard) {
      expect([jobId, sequence]).toEqual(['', 0n]);
      expect(payload).toMatchObject({ $case: 'progress', value: { phase: { name: 'open' } } });
    }
    const told = heard.flatMap(({ payload }) => (payload?.$case === 'progress' ? [payload.value] : []));
    expect(told.at(-1)).toMatchObject({ activity: 'tokenizing', unit: 'bytes', total: 68_000n });
    expect(first.value?.sequence).toBe(1n);
  });
});

describe('the phases of a job whose server is killed', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await makeFolder();
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('go on where they were, and are in the end those of one that nothing disturbed', {
    timeout: 120_000,
  }, async () => {
    const kept = { ...SEARCH, requestId: 'killed' };
    const first = await startServerChild(folder);
    const before = createClient({ address: first.address });
    let jobId = '';
    let reached: JobPhase[] = [];
    for await (const event of before.search(kept, { reattach: { giveUpAfterMs: 0 } })) {
      ({ jobId } = event);
      const { payload } = event;
      if (payload?.$case !== 'study' || payload.value.phase !== StudyPhase.SAMPLE) continue;
      if (payload.value.event?.$case !== 'trial') continue;
      reached = await phasesOf(before, jobId);
      await first.signal('SIGKILL');
      break;
    }
    before.close();
    const second = await startServerChild(folder);
    const after = createClient({ address: second.address });
    try {
      const { progress } = await collect(after.followJob(jobId));
      const phases = await phasesOf(after, jobId);
      const undisturbed = await collect(after.search({ ...kept, requestId: 'undisturbed', output: 'again' }));
      const [opened, scored, ...others] = describePhases(phases);
      expect([opened, scored]).toEqual(['open done', 'score done 5/5 layers']);
      // The other one needs no scores: those of this one serve it too.
      expect(others).toEqual(describePhases(await phasesOf(after, undisturbed.jobId)).slice(2));
      // The time of the run that was killed counts, and waiting for the next server does not.
      expect(secondsOf(phases, 'score')).toBeCloseTo(secondsOf(reached, 'score'), 0);
      expect(progress.at(-1)?.phase?.name).toBe('report');
    } finally {
      after.close();
      await second.signal('SIGKILL');
    }
  });
});
