import { utimes } from 'node:fs/promises';
import { ContainerModule } from 'inversify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StudyPhase } from '../../../src/client/index.js';
import { startServer } from '../../../src/server/start-server.js';
import { TOKENS } from '../../../src/server/tokens.js';
import { createUploadFiles, uploadsRootOf } from '../../../src/server/transfers/upload-files.js';
import { deleteUnused } from '../../../src/server/transfers/uploads.js';
import { makeFolder } from '../../support/test-server.js';
import { DEMO, smallSearch, startVerbServer, type VerbServer } from '../verbs/verb-server.js';

const DAY_MS = 86_400_000;
const DAYS = 7;
const BEGIN = Date.UTC(2030, 0, 1);

/** A clock that stands still until it is moved. */
const clock = { nowMs: BEGIN, now: () => clock.nowMs };

let folder = '';
let verbs: VerbServer;
const start = async () =>
  startVerbServer({
    folder,
    config: { uploadRetentionDays: DAYS, interruptedJobs: 'pause' },
    startServer,
    modules: [new ContainerModule(({ bind }) => void bind(TOKENS.clock).toConstantValue(clock))],
  });
const restart = async () => {
  await verbs[Symbol.asyncDispose]();
  verbs = await start();
};

beforeEach(async () => {
  clock.nowMs = BEGIN;
  folder = await makeFolder();
  verbs = await start();
});
afterEach(() => verbs[Symbol.asyncDispose]());

const STORY = JSON.stringify(['Once upon a time there was a little girl who had a dog. '.repeat(200)]);

const upload = async (name: string, text = name) => {
  const { upload: stored } = await verbs.client.services.files.uploadFile([
    { part: { $case: 'start', value: { name } } },
    { part: { $case: 'chunk', value: Buffer.from(text) } },
  ]);
  if (stored === undefined) throw new Error('an upload was answered without what it stored');
  return stored;
};
const names = async () =>
  (await verbs.client.services.files.listUploads({})).uploads.map(({ name }) => name).toSorted();
const textOf = (path: string) => ({ source: { $case: 'path', value: path } }) as const;

async function* chunks() {
  yield { chunk: Buffer.from('text') };
}

describe('an upload that nobody uses', () => {
  it('is deleted at the start of a server after the days of the setting, and not before', async () => {
    const { expireTime } = await upload('old.txt');
    expect(Number(expireTime?.seconds)).toBe((BEGIN + DAYS * DAY_MS) / 1000);
    clock.nowMs += DAYS * DAY_MS - 1000;
    await restart();
    expect(await names()).toEqual(['old.txt']);
    clock.nowMs += 2000;
    await restart();
    expect(await names()).toEqual([]);
  });

  it('is kept for so long again once it is uploaded or read again', async () => {
    const [, read] = [await upload('again.txt'), await upload('read.json', STORY), await upload('old.txt')];
    clock.nowMs += 5 * DAY_MS;
    await upload('again.txt');
    await verbs.client.runEvaluate({
      model: DEMO,
      measurement: { text: textOf(read.path) },
      fidelity: { tokenLimit: 128n },
    });
    const listed = (await verbs.client.services.files.listUploads({})).uploads;
    expect(
      Object.fromEntries(listed.map(({ name, expireTime }) => [name, Number(expireTime?.seconds) * 1000])),
    ).toEqual({
      'again.txt': BEGIN + (5 + DAYS) * DAY_MS,
      'read.json': BEGIN + (5 + DAYS) * DAY_MS,
      'old.txt': BEGIN + DAYS * DAY_MS,
    });
    clock.nowMs += 3 * DAY_MS;
    await restart();
    expect(await names()).toEqual(['again.txt', 'read.json']);
    clock.nowMs += 5 * DAY_MS;
    await restart();
    expect(await names()).toEqual([]);
  });

  it('is kept while a job that has not ended names it', async () => {
    const { path } = await upload('study.json', STORY);
    const search = smallSearch({ texts: { text: textOf(path) }, pauseBefore: [StudyPhase.SAMPLE] });
    let jobId = '';
    for await (const { event } of verbs.client.services.pruning.search(search)) {
      jobId = event?.jobId ?? jobId;
      if (event?.payload?.$case === 'paused') break;
    }
    clock.nowMs += 100 * DAY_MS;
    await restart();
    expect(await names()).toEqual(['study.json']);
    await verbs.client.services.jobs.cancelJob({ jobId });
    await restart();
    expect(await names()).toEqual([]);
  });
});

describe('the deletion of unused uploads', () => {
  it('spares one that is used while it looks at the jobs, and what is used afterwards is not there', async () => {
    const root = uploadsRootOf(verbs.path('elsewhere'));
    const uploads = createUploadFiles({ root, limitBytes: 2 ** 20, clock });
    const announced = { kind: 'file', digest: '', bytes: undefined } as const;
    const [first, second] = [
      await uploads.add({ ...announced, name: 'first.txt' }, chunks()),
      await uploads.add({ ...announced, name: 'second.txt' }, chunks()),
    ];
    clock.nowMs += (DAYS + 1) * DAY_MS;
    const order: string[] = [];
    const jobs = {
      unfinished: async () => {
        // A request comes in now: its use waits for the end of the deletion.
        void uploads.noteUse(first.path).then(() => order.push('used'));
        await new Promise((resolve) => setTimeout(resolve, 20));
        order.push('looked');
        return [];
      },
      request: async () => undefined,
    };
    const services = { uploads, store: { jobs }, retentionMs: DAYS * DAY_MS };
    const deleted = await deleteUnused(services, clock);
    expect(deleted.map(({ path }) => path)).toEqual([first.path, second.path]);
    expect(await uploads.find(first.path)).toBeUndefined();
    await expect.poll(() => order).toEqual(['looked', 'used']);

    const third = await uploads.add({ ...announced, name: 'third.txt' }, chunks());
    await utimes(`${root}/${third.path}`, BEGIN / 1000, BEGIN / 1000);
    await uploads.noteUse(`./${third.path}`);
    expect(await deleteUnused(services, clock)).toEqual([]);
  });
});
