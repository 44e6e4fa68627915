import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BudgetKind, TrialRole, type DownloadOutputRequest } from '../../../src/client/index.js';
import { downloadOutput } from '../../../src/server/transfers/download-output.js';
import {
  countDemoParameters,
  DEMO,
  listTrials,
  MAGNITUDE,
  refusalOf,
  smallSearch,
  startVerbServer,
  type VerbServer,
} from '../verbs/verb-server.js';

let verbs: VerbServer;
let studyId: string;
/** Of the winner on the verify windows. */
let verified: Readonly<Record<string, number>> | undefined;
beforeAll(async () => {
  verbs = await startVerbServer();
  const prune = { model: DEMO, recipe: MAGNITUDE, selection: { $case: 'uniformRate', value: 0.25 } } as const;
  await verbs.client.runPrune({ ...prune, output: 'plain' });
  await verbs.client.runPrune({ ...prune, output: 'deep/in/it' });
  const report = await verbs.client.runSearch(smallSearch({ output: 'winner' }));
  ({ studyId } = report);
  verified = (await listTrials(verbs.client, studyId)).find(
    ({ role, architecture }) =>
      role === TrialRole.FINALIST && isDeepStrictEqual(architecture, report.winner?.architecture),
  )?.metrics;
});
afterAll(() => verbs[Symbol.asyncDispose]());

const files = () => verbs.client.services.files;
const outputPath = (...parts: readonly string[]) => verbs.path('outputs', ...parts);

/** All messages of a download, and the contents of each file. */
async function download(request: Partial<DownloadOutputRequest>) {
  const contents = new Map<string, Buffer[]>();
  const digests = new Map<string, string>();
  let messages = 0;
  for await (const { file, chunk, digest } of files().downloadOutput(request)) {
    messages += 1;
    contents.set(file, [...(contents.get(file) ?? []), chunk]);
    if (digest !== '') digests.set(file, digest);
  }
  return { messages, digests, contents: new Map([...contents].map(([file, parts]) => [file, Buffer.concat(parts)])) };
}

describe('ListOutputs', () => {
  it('tells what was written, by name, with the facts of its manifest', async () => {
    const { outputs, nextPageToken, truncated } = await files().listOutputs({});
    expect([nextPageToken, truncated]).toEqual(['', false]);
    expect(outputs.map(({ output }) => output)).toEqual(['deep/in/it', 'plain', 'winner']);
    const [deep, plain, winner] = outputs;
    const layers = Array.from({ length: 5 }, () => ({ kvHeads: 3, queryHeadsPerKv: 2, ffnChannels: 129 }));
    const manifest = JSON.parse(await readFile(outputPath('plain', 'prunecast.json'), 'utf8')) as {
      recipe: { digest: string };
      source: { checkpoint_digest: string };
    };
    const names = await readdir(outputPath('plain'));
    const sizes = await Promise.all(names.map(async (name) => (await readFile(outputPath('plain', name))).length));
    expect(plain).toMatchObject({
      model: DEMO,
      checkpointDigest: manifest.source.checkpoint_digest,
      denseParameters: 260_032n,
      architecture: { layers },
      parameters: BigInt(countDemoParameters(layers)),
      bytes: BigInt(sizes.reduce((sum, bytes) => sum + bytes, 0)),
      recipeDigest: manifest.recipe.digest,
      studyId: '',
      exporter: 'hf',
      recovered: false,
      fault: '',
    });
    expect(Number(plain?.createTime?.seconds)).toBeGreaterThan(Date.now() / 1000 - 600);
    expect(deep).toMatchObject({ ...plain, output: 'deep/in/it', createTime: deep?.createTime, jobId: deep?.jobId });
    expect(winner).toMatchObject({ studyId, exporter: 'hf' });
  });

  it('tells what each costs, what its study measured of it, and the job that wrote it', async () => {
    const [deep, plain, winner] = (await files().listOutputs({})).outputs;
    const { jobs } = await verbs.client.services.jobs.listJobs({});
    expect([winner, deep, plain].map((output) => output?.jobId)).toEqual(jobs.map(({ id }) => id));
    const cost = (kind: BudgetKind) => plain?.costs.find((each) => each.kind === kind);
    const layers = Array.from({ length: 5 }, () => ({ kvHeads: 3, queryHeadsPerKv: 2, ffnChannels: 129 }));
    const parameters = countDemoParameters(layers);
    expect(cost(BudgetKind.PARAMETERS)).toMatchObject({ value: parameters, denseValue: 260_032 });
    expect(cost(BudgetKind.WEIGHT_BYTES)).toMatchObject({ value: 4 * parameters, denseValue: 4 * 260_032 });
    // Five layers, keys and values of 3 of 4 heads of 8, two bytes each.
    expect(cost(BudgetKind.KV_CACHE_BYTES_PER_TOKEN)).toMatchObject({ value: 480, denseValue: 640 });
    expect(cost(BudgetKind.FLOPS_PER_TOKEN)?.value).toBeGreaterThan(0);
    expect([plain?.metrics, plain?.measurementFingerprint]).toEqual([{}, '']);
    expect(winner?.metrics).toEqual(verified);
    expect(winner?.metrics['perplexity']).toBeGreaterThan(1);
    expect(winner?.measurementFingerprint).toMatch(/^[0-9a-f]{64}$/);
  });

  it('lists in pages, and of one folder', async () => {
    const names: string[] = [];
    let pageToken = '';
    do {
      const page = await files().listOutputs({ pageSize: 1, pageToken });
      expect(page.outputs).toHaveLength(1);
      names.push(...page.outputs.map(({ output }) => output));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(names).toEqual(['deep/in/it', 'plain', 'winner']);
    expect((await files().listOutputs({ folder: 'deep' })).outputs.map(({ output }) => output)).toEqual(['deep/in/it']);
    expect(await refusalOf(verbs, () => files().listOutputs({ folder: 'nowhere' }))).toMatchObject({
      reason: 'OUTPUT_NOT_FOUND',
      fields: ['folder'],
    });
    expect(await refusalOf(verbs, () => files().listOutputs({ folder: '../state' }))).toMatchObject({
      reason: 'PATH_OUTSIDE_ROOTS',
      fields: ['folder'],
    });
  });

  it('says what is wrong with a manifest, and follows no link out of the root', async () => {
    await mkdir(outputPath('odd'));
    await writeFile(outputPath('odd', 'prunecast.json'), '{"source": 3}');
    await mkdir(outputPath('other-form'));
    const source = { model: 'm', checkpoint_digest: 'c', parameters: 9 };
    const manifest = JSON.stringify({ source, exporter: { id: 'other' }, recovery: {}, files: { 'a.bin': 5 } });
    await writeFile(outputPath('other-form', 'prunecast.json'), manifest);
    await mkdir(verbs.path('elsewhere'));
    await writeFile(verbs.path('elsewhere', 'prunecast.json'), '{}');
    await symlink(verbs.path('elsewhere'), outputPath('linked'));
    const { outputs } = await files().listOutputs({});
    expect(outputs.map(({ output }) => output)).toEqual(['deep/in/it', 'odd', 'other-form', 'plain', 'winner']);
    expect(outputs[1]).toMatchObject({ model: '', bytes: 0n, fault: expect.stringContaining('source') as string });
    expect(outputs[2]).toMatchObject({
      parameters: 0n,
      bytes: BigInt(5 + manifest.length),
      exporter: 'other',
      recovered: true,
      fault: '',
      costs: [],
      metrics: {},
      jobId: '',
    });
  });
});

describe('a manifest that is no plain file in its folder', () => {
  it('is neither waited for nor followed out of the output root', async () => {
    const secret = JSON.stringify({
      source: { model: 'told', checkpoint_digest: 'c', parameters: 9 },
      exporter: { id: 'other' },
    });
    await writeFile(verbs.path('outside.json'), secret);
    await mkdir(outputPath('away', 'led'), { recursive: true });
    await symlink(verbs.path('outside.json'), outputPath('away', 'led', 'prunecast.json'));
    await mkdir(outputPath('away', 'piped'));
    execFileSync('mkfifo', [outputPath('away', 'piped', 'prunecast.json')]);
    const { outputs } = await files().listOutputs({ folder: 'away' }, { timeoutMs: 10_000 });
    expect(outputs.map(({ output, model, fault }) => [output, model, fault !== ''])).toEqual([
      ['away/led', '', true],
      ['away/piped', '', true],
    ]);
    await rm(outputPath('away'), { recursive: true });
  });
});

describe('DownloadOutput', () => {
  it('sends every file of an output as it lies there, the manifest last, with its digest', async () => {
    const { contents, digests, messages } = await download({ output: 'plain' });
    expect([...contents.keys()].toSorted()).toEqual((await readdir(outputPath('plain'))).toSorted());
    expect([...contents.keys()].at(-1)).toBe('prunecast.json');
    for (const [file, bytes] of contents) {
      expect([file, bytes.equals(await readFile(outputPath('plain', file)))]).toEqual([file, true]);
      expect(digests.get(file)).toBe(createHash('sha256').update(bytes).digest('hex'));
    }
    expect(messages).toBeGreaterThanOrEqual(contents.size);
  });

  it('goes on with one file from an offset, and tells the digest of all of it', async () => {
    const file = 'model.safetensors';
    const whole = await readFile(outputPath('plain', file));
    for (const offset of [0, 1, whole.length - 1, whole.length]) {
      const { contents, digests } = await download({ output: 'plain', file, offset: BigInt(offset) });
      expect(contents.get(file)?.equals(whole.subarray(offset)), `from ${offset}`).toBe(true);
      expect(digests.get(file)).toBe(createHash('sha256').update(whole).digest('hex'));
    }
  });

  it('sends files larger than a chunk in order, each message where it begins, and an empty file in one', async () => {
    const large = Buffer.alloc(2.5 * 2 ** 20, 'prunecast');
    await writeFile(outputPath('winner', 'large.bin'), large);
    await writeFile(outputPath('winner', 'empty.bin'), '');
    const parts: [bigint, number, boolean][] = [];
    for await (const { offset, chunk, digest, bytes } of files().downloadOutput({
      output: 'winner',
      file: 'large.bin',
      offset: 2n ** 20n + 5n,
    })) {
      expect(bytes).toBe(BigInt(large.length));
      parts.push([offset, chunk.length, digest !== '']);
    }
    expect(parts).toEqual([
      [2n ** 20n + 5n, 2 ** 20 - 5, false],
      [2n ** 21n, 2 ** 19, true],
    ]);
    const { messages, contents } = await download({ output: 'winner', file: 'empty.bin' });
    expect([messages, contents.get('empty.bin')?.length]).toEqual([1, 0]);
  });

  it.each([
    [{ output: '' }, 'INVALID_REQUEST', 'output'],
    [{ output: 'nowhere' }, 'OUTPUT_NOT_FOUND', 'output'],
    [{ output: '../state' }, 'PATH_OUTSIDE_ROOTS', 'output'],
    [{ output: 'plain', file: 'nothing' }, 'OUTPUT_NOT_FOUND', 'file'],
    [{ output: 'plain', file: '../winner/config.json' }, 'PATH_OUTSIDE_ROOTS', 'file'],
    [{ output: 'plain', file: '/etc/passwd' }, 'PATH_OUTSIDE_ROOTS', 'file'],
    [{ output: 'plain', offset: 1n }, 'INVALID_REQUEST', 'offset'],
    [{ output: 'plain', file: 'config.json', offset: 1_000_000n }, 'INVALID_REQUEST', 'offset'],
  ])('refuses %o', async (request, reason, field) => {
    expect(await refusalOf(verbs, () => download(request))).toMatchObject({ reason, fields: [field] });
  });

  it('sends nothing that a link in an output leads to outside of it', async () => {
    await writeFile(verbs.path('secret'), 'secret');
    await symlink(verbs.path('secret'), outputPath('winner', 'link'));
    expect(await refusalOf(verbs, () => download({ output: 'winner', file: 'link' }))).toMatchObject({
      reason: 'PATH_OUTSIDE_ROOTS',
      fields: ['file'],
    });
  });

  it.each([
    ['is written', (file: string) => writeFile(file, Buffer.alloc(3 * 2 ** 20, 1))],
    ['is cut', (file: string) => writeFile(file, '')],
  ])('ends with an error where a file %s meanwhile', async (_, change) => {
    const directory = outputPath('winner');
    const file = join(directory, 'moving.bin');
    await writeFile(file, Buffer.alloc(3 * 2 ** 20));
    const outputs = { locate: async () => directory, readManifest: async () => ({}) };
    const messages = downloadOutput(outputs, { output: 'winner', file: 'moving.bin', offset: 0n });
    expect((await messages.next()).value).toMatchObject({ offset: 0n, digest: '' });
    await change(file);
    const rest = async () => {
      for await (const { digest } of messages) expect(digest).toBe('');
    };
    await expect(rest()).rejects.toMatchObject({ reason: 'OUTPUT_CHANGED', violations: [{ field: 'file' }] });
  });
});
