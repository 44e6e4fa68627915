import { appendFileSync, statSync, truncateSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CallError, JobState, type JobEvent } from '../../../src/client/index.js';
import { BUILTIN_PLUGINS } from '../../../src/plugins/builtin/list.js';
import { loadFixturePlugin } from '../../support/fixture-plugins.js';
import { CAN_MOUNT, makeSmallDisk, type SmallDisk } from '../../support/small-disk.js';
import {
  DEMO,
  listTrials,
  MAGNITUDE,
  REFERENCE_TEXT,
  smallSearch,
  startVerbServer,
  type VerbServer,
} from './verb-server.js';

const EXPORTERS: readonly string[] = BUILTIN_PLUGINS.flatMap(({ plugin }) =>
  plugin.kind === 'exporter' ? [plugin.id] : [],
);

/** Bytes that are left on the disk: too few for any output, and enough to begin one. */
const ROOM = 100_000;

const TURNS: ReadonlySet<string> = new Set(['ended', 'paused', 'queued', 'started']);

/** Takes the rest of a disk, but for some bytes, at once: a server of this process makes no room meanwhile. */
function fill({ folder }: SmallDisk, left = 0): () => Promise<void> {
  const path = join(folder, 'filler');
  for (const bytes of [2 ** 20, 2 ** 16, 4096, 1]) while (append(path, bytes));
  truncateSync(path, statSync(path).size - left);
  return () => rm(path);
}

/** Whether there was room for it. */
function append(path: string, bytes: number): boolean {
  try {
    appendFileSync(path, Buffer.alloc(bytes));
    return true;
  } catch {
    return false;
  }
}

/** How a job got on, without what it did. */
const turns = (events: readonly JobEvent[]): string[] =>
  events.flatMap(({ payload }) => (payload !== undefined && TURNS.has(payload.$case) ? [payload.$case] : []));

/** So many labels that the disk is full before the last one. */
const shortSearch = (seed: bigint) =>
  smallSearch({ seed, pairs: { count: 60, rungs: [{ tokenLimit: 1024n }] }, verify: { count: 2 } });

/** What a job is refused or pauses with: one may be stored where the database has room within its files. */
async function readFault(
  events: AsyncIterable<JobEvent>,
): Promise<{ readonly fault: unknown; readonly jobId: string }> {
  try {
    for await (const { jobId, payload } of events)
      if (payload?.$case === 'paused' && payload.value.error !== undefined)
        return { fault: CallError.fromStatus(payload.value.error), jobId };
    return { fault: undefined, jobId: '' };
  } catch (fault) {
    return { fault, jobId: '' };
  }
}

const isTrial = ({ payload }: JobEvent): boolean =>
  payload?.$case === 'study' && payload.value.event?.$case === 'trial';

describe.skipIf(!CAN_MOUNT)('a full disk', () => {
  const disks: Record<'state' | 'outputs', SmallDisk> = Object.create(null) as never;
  let verbs: VerbServer;
  beforeAll(async () => {
    disks.state = makeSmallDisk('16m');
    disks.outputs = makeSmallDisk('4m');
    verbs = await startVerbServer({
      plugins: [await loadFixturePlugin('exporters/unending.mjs')],
      config: { stateDirectory: disks.state.folder, outputRoot: disks.outputs.folder },
    });
  });
  afterAll(async () => {
    await verbs[Symbol.asyncDispose]();
    for (const disk of Object.values(disks)) disk.remove();
  });

  /** Follows a search, and does something once after some trials. */
  const search = async (seed: bigint, meanwhile: () => Promise<void> = async () => undefined): Promise<JobEvent[]> => {
    const events: JobEvent[] = [];
    for await (const event of verbs.client.search(shortSearch(seed))) {
      events.push(event);
      if (isTrial(event) && events.filter(isTrial).length === 4) await meanwhile();
    }
    return events;
  };
  const reportOf = async (events: readonly JobEvent[]) => {
    const { job } = await verbs.client.services.jobs.getJob({ jobId: events.at(-1)?.jobId ?? '' });
    if (job?.result?.$case !== 'search') throw new Error('no report');
    const { winner, controls } = job.result.value;
    return { winner, controls, trials: (await listTrials(verbs.client, job.studyId)).length };
  };

  it('of the state pauses a search with what is full; it goes on by itself when there is room, to the result of one that never paused', async () => {
    let free: (() => Promise<void>) | undefined;
    const paused = search(5n, async () => {
      free = fill(disks.state);
    });
    const jobs = verbs.client.services.jobs;
    const seen = await vi.waitFor(
      async () => {
        const [job] = (await jobs.listJobs({ state: JobState.PAUSED })).jobs;
        if (job?.error === undefined) throw new Error('not paused yet');
        return job;
      },
      { timeout: 20_000 },
    );
    expect(CallError.fromStatus(seen.error ?? { code: 0, message: '', details: [] })).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'STORAGE_FULL',
      metadata: { folder: 'stateDirectory', free_bytes: expect.stringMatching(/^\d+$/) as string },
    });
    const another = await readFault(verbs.client.search(shortSearch(6n)));
    expect(another.fault).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'STORAGE_FULL' });
    if (another.jobId !== '') await jobs.cancelJob({ jobId: another.jobId });
    await free?.();
    const events = await paused;
    expect(turns(events)).toEqual(['started', 'paused', 'queued', 'started', 'ended']);
    expect((await jobs.getJob({ jobId: seen.id })).job).toMatchObject({ state: JobState.SUCCEEDED, error: undefined });

    await using other = await startVerbServer();
    const report = await reportOf(events);
    const { studyId } = await other.client.runSearch(shortSearch(5n));
    const { study } = await other.client.services.studies.getStudy({ studyId });
    expect(report.winner).toEqual(study?.report?.winner);
    expect(report.controls).toEqual(study?.report?.controls);
    expect(report.trials).toBe((await listTrials(other.client, studyId)).length);
  });

  it.each(EXPORTERS)(
    'of the output root pauses a Prune while %s writes, leaves nothing half-written and the old output as it was; it goes on by itself',
    async (id) => {
      const request = {
        model: DEMO,
        output: 'model',
        overwrite: true,
        recipe: MAGNITUDE,
        selection: { $case: 'uniformRate', value: 0.3 },
        exporter: { id },
      } as const;
      await verbs.client.runPrune(request);
      const before = await readFile(join(disks.outputs.folder, 'model', 'prunecast.json'), 'utf8');
      const free = fill(disks.outputs, ROOM);
      const events: JobEvent[] = [];
      for await (const event of verbs.client.prune({ ...request, selection: { $case: 'uniformRate', value: 0.1 } })) {
        events.push(event);
        if (event.payload?.$case !== 'paused') continue;
        expect(CallError.fromStatus(event.payload.value.error ?? { code: 0, message: '', details: [] })).toMatchObject({
          code: 'RESOURCE_EXHAUSTED',
          reason: 'STORAGE_FULL',
          metadata: {
            folder: 'outputRoot',
            output: 'model',
            free_bytes: expect.stringMatching(/^\d+$/) as string,
            needed_bytes: expect.stringMatching(/^\d+$/) as string,
          },
        });
        expect((await readdir(disks.outputs.folder)).toSorted()).toEqual(['filler', 'model']);
        expect(await readFile(join(disks.outputs.folder, 'model', 'prunecast.json'), 'utf8')).toBe(before);
        await free();
      }
      expect(turns(events)).toEqual(['started', 'paused', 'queued', 'started', 'ended']);
      expect(await readFile(join(disks.outputs.folder, 'model', 'prunecast.json'), 'utf8')).not.toBe(before);
      expect(await readdir(disks.outputs.folder)).toEqual(['model']);
    },
  );

  it('that is read-only is told before any work', async () => {
    disks.outputs.remount('ro');
    try {
      await expect(
        verbs.client.runPrune({
          model: DEMO,
          output: 'model',
          overwrite: true,
          recipe: MAGNITUDE,
          selection: { $case: 'uniformRate', value: 0.2 },
        }),
      ).rejects.toMatchObject({
        reason: 'OUTPUT_NOT_WRITTEN',
        message: expect.stringContaining(
          'the file system of the output root is read-only: name another output root',
        ) as string,
      });
    } finally {
      disks.outputs.remount('rw');
    }
    expect(await readdir(disks.outputs.folder)).toEqual(['model']);
  });

  it('that turns read-only while an output is written is told, and the old output stays', async () => {
    const before = await readFile(join(disks.outputs.folder, 'model', 'prunecast.json'), 'utf8');
    const request = { model: DEMO, output: 'model', overwrite: true, recipe: MAGNITUDE, exporter: { id: 'unending' } };
    const fault = verbs.client.runPrune({ ...request, selection: { $case: 'uniformRate', value: 0.2 } }).then(
      () => undefined,
      (error: unknown) => error,
    );
    await vi.waitFor(
      async () => {
        const names = await readdir(disks.outputs.folder, { recursive: true });
        if (!names.some((name) => name.endsWith('/new/3'))) throw new Error('nothing is written yet');
        disks.outputs.remount('ro'); // fails while a file is open
      },
      { timeout: 20_000, interval: 5 },
    );
    try {
      expect(await fault).toMatchObject({
        reason: 'OUTPUT_NOT_WRITTEN',
        message: expect.stringMatching(/file system of .* is read-only: name another output root/) as string,
      });
      expect(await readFile(join(disks.outputs.folder, 'model', 'prunecast.json'), 'utf8')).toBe(before);
    } finally {
      disks.outputs.remount('rw');
    }
    const { outputs } = await verbs.client.services.files.listOutputs({});
    expect(outputs.map(({ output, fault }) => [output, fault])).toEqual([['model', '']]);
  });

  it('keeps no server from starting, nor from telling what it has', async () => {
    const disk = makeSmallDisk('4m');
    const start = () => startVerbServer({ config: { stateDirectory: disk.folder } });
    try {
      await (await start())[Symbol.asyncDispose]();
      fill(disk);
      await using full = await start();
      expect((await full.client.services.jobs.listJobs({})).jobs).toEqual([]);
      await expect(
        full.client.runEvaluate({ model: DEMO, measurement: { text: REFERENCE_TEXT } }),
      ).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'STORAGE_FULL' });
    } finally {
      disk.remove();
    }
  });
});
