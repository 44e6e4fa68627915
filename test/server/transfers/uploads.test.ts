import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JobState, type DeepPartial, type UploadFileRequest } from '../../../src/client/index.js';
import { makeStump } from '../../support/regressors.js';
import { DEMO, MODELS_ROOT, refusalOf, smallSearch, startVerbServer, type VerbServer } from '../verbs/verb-server.js';

const LIMIT = 3 * 2 ** 20;

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer({ config: { uploadBytes: LIMIT } });
});
afterAll(() => verbs[Symbol.asyncDispose]());

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const start = (name: string, more: { readonly digest?: string; readonly bytes?: bigint } = {}) =>
  ({ part: { $case: 'start', value: { name, ...more } } }) as const;
const chunk = (value: Uint8Array) => ({ part: { $case: 'chunk', value: Buffer.from(value) } }) as const;

const send = async (...parts: readonly DeepPartial<UploadFileRequest>[]) => {
  const { upload } = await verbs.client.services.files.uploadFile(parts);
  if (upload === undefined) throw new Error('an upload was answered without what it stored');
  return upload;
};
const list = async () => (await verbs.client.services.files.listUploads({})).uploads;
/** All that lies under the folder of uploads. */
const stored = async (): Promise<string[]> =>
  (await readdir(verbs.path('state', 'uploaded'), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
const refuse = (...parts: readonly DeepPartial<UploadFileRequest>[]) => refusalOf(verbs, () => send(...parts));

const evaluate = async (path: string) =>
  verbs.client.runEvaluate({
    model: DEMO,
    measurement: { text: { source: { $case: 'path', value: path } } },
    fidelity: { tokenLimit: 512n },
  });
const fail = () => {
  throw new Error('the file cannot be read on');
};

describe('an uploaded text', () => {
  it('is read by its path as one under a data root, with the same result', async () => {
    const bytes = await readFile(`${MODELS_ROOT}/${DEMO}/stories.json`);
    const half = Math.floor(bytes.length / 2);
    const upload = await send(start('stories.json'), chunk(bytes.subarray(0, half)), chunk(bytes.subarray(half)));
    expect(upload).toMatchObject({
      path: `uploads/${digestOf(bytes)}/stories.json`,
      name: 'stories.json',
      digest: digestOf(bytes),
      bytes: BigInt(bytes.length),
      inUse: false,
    });
    const [[own], [root]] = [await evaluate(upload.path), await evaluate(`${DEMO}/stories.json`)];
    expect(own?.metrics).toEqual(root?.metrics);
    expect(own?.metrics['perplexity']).toBeGreaterThan(1);
  });

  it('is not deleted while a job that has not ended names it, and afterwards it is', async () => {
    const upload = await send(start('study.json'), chunk(await readFile(`${MODELS_ROOT}/${DEMO}/stories.json`)));
    const { services } = verbs.client;
    let jobId = '';
    const search = smallSearch({
      texts: { text: { source: { $case: 'path', value: upload.path } } },
      candidates: 1_000_000n,
    });
    for await (const { event } of services.pruning.search(search)) {
      jobId = event?.jobId ?? '';
      if (jobId !== '') break;
    }
    expect((await list()).find(({ path }) => path === upload.path)).toMatchObject({ inUse: true });
    await expect(services.files.deleteUpload({ path: upload.path })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'UPLOAD_IN_USE',
      violations: [{ field: 'path' }],
    });
    expect((await services.jobs.cancelJob({ jobId })).job?.state).toBe(JobState.CANCELLED);
    await services.files.deleteUpload({ path: upload.path });
    expect((await list()).map(({ path }) => path)).not.toContain(upload.path);
    expect(await refusalOf(verbs, () => services.files.deleteUpload({ path: upload.path }))).toMatchObject({
      code: 'NOT_FOUND',
      reason: 'UPLOAD_NOT_FOUND',
    });
    expect(await refusalOf(verbs, () => verbs.client.runSearch(search))).toMatchObject({ reason: 'TEXT_NOT_FOUND' });
  });
});

describe('an uploaded regressor', () => {
  it('is measured as one under a root', async () => {
    const dimensions = ['layers.0.ffn_channels'];
    const upload = await send(
      start('stump.onnx'),
      chunk(makeStump({ columns: 1, column: 0, threshold: 0.2, below: [1], above: [3] })),
    );
    const predictor = await verbs.client.runFitPredictor({
      source: {
        $case: 'pairs',
        value: {
          dimensions,
          measurementFingerprint: 'm',
          fidelityDigest: 'f',
          pairs: Array.from({ length: 12 }, (_, row) => ({ rates: [row / 20], metrics: { perplexity: 5 + row } })),
        },
      },
      predictor: { id: 'onnx', options: { path: upload.path } },
    });
    expect(predictor).toMatchObject({ backend: 'onnx', dimensions });
  });
});

describe('an upload', () => {
  it('of what is there already needs no chunks, and is stored once', async () => {
    const bytes = Buffer.from('once upon a time');
    const first = await send(start('a.txt'), chunk(bytes));
    const again = await send(start('a.txt', { digest: digestOf(bytes) }));
    expect(again).toMatchObject({ path: first.path, bytes: 16n });
    await send(start('a.txt'), chunk(bytes));
    expect((await list()).filter(({ name }) => name === 'a.txt')).toHaveLength(1);
    const other = await send(start('b.txt'), chunk(bytes));
    await verbs.client.services.files.deleteUpload({ path: first.path });
    expect((await list()).map(({ path }) => path)).toContain(other.path); // the same contents under another name
  });

  it('that breaks off leaves nothing', async () => {
    const before = await stored();
    async function* breakOff(how: () => void) {
      yield start('broken.txt');
      yield chunk(Buffer.from('half of'));
      await expect.poll(stored).toHaveLength(before.length + 1); // the server has begun
      how();
      yield chunk(Buffer.from('a file'));
    }
    const { uploadFile } = verbs.client.services.files;
    for (let attempt = 0; attempt < 5; attempt++) {
      await expect(uploadFile(breakOff(fail))).rejects.toThrow('the file cannot be read on');
      await expect.poll(stored).toEqual(before);
    }
    const caller = new AbortController();
    const { signal } = caller;
    await expect(
      uploadFile(
        breakOff(() => caller.abort()),
        { signal },
      ),
    ).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect.poll(stored).toEqual(before);
  });

  it.each([
    ['without a start', [chunk(Buffer.from('x'))], 'start'],
    ['with two starts', [start('a.txt'), start('b.txt')], 'chunk'],
    [
      'of another digest than was told',
      [start('a.txt', { digest: '0'.repeat(64) }), chunk(Buffer.from('x'))],
      'start.digest',
    ],
    ['with a digest that is none', [start('a.txt', { digest: 'abc' }), chunk(Buffer.from('x'))], 'start.digest'],
    ['of fewer bytes than were told', [start('a.txt', { bytes: 2n }), chunk(Buffer.from('x'))], 'start.bytes'],
    ['without a name', [start(''), chunk(Buffer.from('x'))], 'start.name'],
    ['whose name has folders', [start('../../etc/passwd'), chunk(Buffer.from('x'))], 'start.name'],
    ['whose name is hidden', [start('.bashrc'), chunk(Buffer.from('x'))], 'start.name'],
    ['with a chunk above 1 MiB', [start('a.txt'), chunk(new Uint8Array(2 ** 20 + 1))], 'chunk'],
  ])('%s is refused by its field, and leaves nothing', async (_, parts, field) => {
    const before = await stored();
    expect(await refuse(...parts)).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_REQUEST',
      fields: [field],
    });
    expect(await stored()).toEqual(before);
  });

  it('beyond the space for all is refused, when it begins if its size is told, and leaves nothing', async () => {
    const before = await stored();
    const full = { code: 'RESOURCE_EXHAUSTED', reason: 'UPLOADS_FULL', metadata: { limit: String(LIMIT) } };
    expect(await refuse(start('large.txt', { bytes: BigInt(LIMIT) + 1n }))).toMatchObject(full);
    const mebibyte = new Uint8Array(2 ** 20);
    expect(await refuse(start('large.txt'), ...Array.from({ length: 4 }, () => chunk(mebibyte)))).toMatchObject(full);
    expect(await stored()).toEqual(before);
  });

  it('is listed in pages, in the order of paths', async () => {
    for (const name of ['p1.txt', 'p2.txt', 'p3.txt']) await send(start(name), chunk(Buffer.from(name)));
    const paths = (await list()).map(({ path }) => path);
    expect(paths).toEqual(paths.toSorted());
    const paged: string[] = [];
    let pageToken = '';
    do {
      const page = await verbs.client.services.files.listUploads({ pageSize: 2, pageToken });
      expect(page.uploads.length).toBeLessThanOrEqual(2);
      paged.push(...page.uploads.map(({ path }) => path));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(paged).toEqual(paths);
    await expect(verbs.client.services.files.listUploads({ pageToken: 'x' })).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'page_token' }],
    });
  });
});
