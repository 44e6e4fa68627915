import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
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

const start = (
  name: string,
  more: { readonly digest?: string; readonly bytes?: bigint; readonly folder?: boolean } = {},
) => ({ part: { $case: 'start', value: { name, ...more } } }) as const;
const file = (path: string) => ({ part: { $case: 'file', value: { path } } }) as const;
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

const ROW = 'Where is the bone?,arm,leg,head,foot,B\n';
/** MMLU of one subject: five examples and four questions. */
const MMLU: Readonly<Record<string, string>> = {
  'test/anatomy_test.csv': ROW.repeat(4),
  'dev/anatomy_dev.csv': ROW.repeat(5),
};

/** The parts of a folder's upload, each file in two chunks. */
const folderParts = (name: string, files: Readonly<Record<string, string>>, digest = '') => [
  start(name, { folder: true, digest }),
  ...Object.entries(files).flatMap(([path, text]) => [
    file(path),
    chunk(Buffer.from(text.slice(0, 9))),
    chunk(Buffer.from(text.slice(9))),
  ]),
];

const askQuestions = (path: string) =>
  verbs.client.runEvaluate({
    model: DEMO,
    targets: [{ target: { $case: 'dense', value: {} } }],
    measurement: { text: { source: { $case: 'path', value: path } }, evaluator: { id: 'mmlu' } },
  });

describe('an uploaded folder', () => {
  // What `sha256sum dev/anatomy_dev.csv test/anatomy_test.csv | sha256sum` prints of these files.
  const digest = digestOf(
    Buffer.from(
      ['dev/anatomy_dev.csv', 'test/anatomy_test.csv']
        .map((path) => `${digestOf(Buffer.from(MMLU[path] ?? ''))}  ${path}\n`)
        .join(''),
    ),
  );

  it('is measured by an evaluator that reads folders, as one under a data root', async () => {
    const upload = await send(...folderParts('mmlu', MMLU));
    expect(upload).toMatchObject({
      path: `uploads/folder-${digest}/mmlu`,
      name: 'mmlu',
      digest,
      folder: true,
      files: 2,
      bytes: BigInt(9 * ROW.length),
      inUse: false,
    });
    for (const [path, text] of Object.entries(MMLU)) {
      await mkdir(dirname(verbs.path('texts', 'mmlu', path)), { recursive: true });
      await writeFile(verbs.path('texts', 'mmlu', path), text);
    }
    const [[own], [root]] = [await askQuestions(upload.path), await askQuestions('mmlu')];
    expect(own?.items).toBe(4);
    expect(own?.metrics['accuracy']).toBeGreaterThanOrEqual(0);
    expect(own?.metrics).toEqual(root?.metrics);
  });

  it('is stored once, and its files can be named one by one', async () => {
    const texts = { 'first.json': JSON.stringify(['Once upon a time there was a cat. '.repeat(40)]), 'other.txt': 'x' };
    const upload = await send(...folderParts('texts', texts));
    const again = await send(start('texts', { folder: true, digest: upload.digest }));
    expect({ ...again, createTime: undefined, expireTime: undefined }).toEqual({
      ...upload,
      createTime: undefined,
      expireTime: undefined,
    });
    await send(...folderParts('texts', texts));
    expect((await list()).filter(({ name }) => name === 'texts')).toHaveLength(1);
    const [result] = await evaluate(`${upload.path}/first.json`);
    expect(result?.metrics['perplexity']).toBeGreaterThan(1);
    await verbs.client.services.files.deleteUpload({ path: upload.path });
    expect((await list()).map(({ path }) => path)).not.toContain(upload.path);
    expect(await stored()).not.toContain('first.json');
  });

  it('is not taken for a file that has its list as contents', async () => {
    const upload = await send(...folderParts('pair', { a: '1', b: '2' }));
    const lines = [...'12'].map((text, index) => `${digestOf(Buffer.from(text))}  ${'ab'[index]}\n`).join('');
    const own = await send(start('pair', { digest: upload.digest }), chunk(Buffer.from(lines)));
    expect([own.digest, own.folder, own.files]).toEqual([upload.digest, false, 1]);
    expect(own.path).not.toBe(upload.path);
    expect((await list()).filter(({ name }) => name === 'pair')).toHaveLength(2);
  });

  it.each([
    ['without a file', [start('f', { folder: true })], 'file'],
    ['with bytes before a file', [start('f', { folder: true }), chunk(Buffer.from('x'))], 'chunk'],
    ['of another digest than was told', folderParts('f', MMLU, '0'.repeat(64)), 'start.digest'],
    ['with a path to its parent', folderParts('f', { '../a': 'x' }), 'file.path'],
    ['with a path out of it', folderParts('f', { 'a/../../b': 'x' }), 'file.path'],
    ['with an absolute path', folderParts('f', { '/etc/passwd': 'x' }), 'file.path'],
    ['with a path of two slashes', folderParts('f', { 'a//b': 'x' }), 'file.path'],
    ['with the path of a folder', folderParts('f', { 'a/': 'x' }), 'file.path'],
    ['with a hidden file', folderParts('f', { '.git/config': 'x' }), 'file.path'],
    ['with a backslash', folderParts('f', { 'a\\b': 'x' }), 'file.path'],
    ['with an empty path', folderParts('f', { '': 'x' }), 'file.path'],
    ['with a name that no disk takes', folderParts('f', { ['ü'.repeat(128)]: 'x' }), 'file.path'],
    ['that is too deep', folderParts('f', { [Array.from({ length: 17 }, () => 'a').join('/')]: 'x' }), 'file.path'],
    ['with a path of too many characters', folderParts('f', { ['a/'.repeat(600)]: 'x' }), 'file.path'],
    ['with a file twice', [...folderParts('f', { a: 'x' }), file('a')], 'file.path'],
    ['with a file in a file', folderParts('f', { a: 'x', 'a/b': 'x' }), 'file.path'],
    ['with a file in the place of a folder', folderParts('f', { 'a/b': 'x', a: 'x' }), 'file.path'],
    [
      'of more files than allowed',
      [start('f', { folder: true }), ...Array.from({ length: 4097 }, (_, index) => file(`${index}`))],
      'file',
    ],
  ])('%s is refused by its field, and leaves nothing', async (_, parts, field) => {
    const before = await stored();
    expect(await refuse(...parts)).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_REQUEST',
      fields: [field],
    });
    expect(await stored()).toEqual(before);
  });

  it('beyond the space for all is refused, and leaves nothing', async () => {
    const before = await stored();
    const mebibyte = chunk(new Uint8Array(2 ** 20));
    const parts = [start('large', { folder: true }), ...['a', 'b', 'c', 'd'].flatMap((path) => [file(path), mebibyte])];
    expect(await refuse(...parts)).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'UPLOADS_FULL' });
    expect(await stored()).toEqual(before);
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
    ['whose name no disk takes', [start('ü'.repeat(128)), chunk(Buffer.from('x'))], 'start.name'],
    ['of one file that names files', [start('a.txt'), file('b.txt')], 'file'],
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

  it('of two at once that fit only one by one is refused for one', async () => {
    const room = LIMIT - (await list()).reduce((sum, { bytes }) => sum + Number(bytes), 0);
    const halves = (letter: string) =>
      Array.from({ length: 2 }, () => Buffer.alloc(Math.ceil(room / 3), letter)).flatMap((part) =>
        part.length > 2 ** 20 ? [part.subarray(0, 2 ** 20), part.subarray(2 ** 20)] : [part],
      );
    let begun = 0;
    async function* slowly(name: string) {
      yield start(name);
      const [first = Buffer.of(), ...rest] = halves(name.slice(0, 1));
      yield chunk(first);
      begun += 1;
      await expect.poll(() => begun).toBe(2); // both have begun before either goes on
      for (const part of rest) yield chunk(part);
    }
    const { uploadFile } = verbs.client.services.files;
    const ends = await Promise.allSettled([uploadFile(slowly('x.txt')), uploadFile(slowly('y.txt'))]);
    const bytes = (await list()).reduce((sum, upload) => sum + Number(upload.bytes), 0);
    expect(ends.map(({ status }) => status).toSorted()).toContain('rejected');
    expect(bytes).toBeLessThanOrEqual(LIMIT);
    for (const { path, name } of await list())
      if (name === 'x.txt' || name === 'y.txt') await verbs.client.services.files.deleteUpload({ path });
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
