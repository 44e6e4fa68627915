import { EventEmitter, once } from 'node:events';
import { copyFile, mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient, type CallError, type DeepPartial, type PrunecastClient, type PruneRequest, type PruneResult } from '../../../src/client/index.js';
import { defineExporter } from '../../../src/plugins/api.js';
import { startServerChild } from '../../support/server-child.js';
import { makeFolder } from '../../support/test-server.js';
import { DEMO, MAGNITUDE, MODELS_ROOT, refusalOf, smallSearch, startVerbServer, type VerbServer } from './verb-server.js';

/** What the exporter `slow` does between its two files: tells that it has begun, and waits until the test goes on. */
const pause = new EventEmitter();

const slow = defineExporter({
  id: 'slow',
  summary: 'Writes two files, and rests in between.',
  options: z.strictObject({}),
  supports: () => ({ ok: true, loadsIn: [] }),
  write: async (_, directory) => {
    await writeFile(join(directory, 'first'), '1');
    const goOn = once(pause, 'go-on');
    pause.emit('begun');
    await goOn;
    await writeFile(join(directory, 'second'), '22');
    return { files: ['first', 'second'], bytes: 3 };
  },
});

const overfull = defineExporter({
  id: 'overfull',
  summary: 'Writes one file, and then to a disk that is full.',
  options: z.strictObject({}),
  supports: () => ({ ok: true, loadsIn: [] }),
  write: async (_, directory) => {
    await writeFile(join(directory, 'first'), '1');
    const full = await open('/dev/full', 'w');
    await full.writeFile('more').finally(() => full.close());
    return { files: ['first'], bytes: 1 };
  },
});

let verbs: VerbServer;
beforeAll(async () => {
  const moduleUrl = new URL(import.meta.url);
  verbs = await startVerbServer({ plugins: [slow, overfull].map((plugin) => ({ kind: 'exporter', plugin, moduleUrl, version: '1' })) });
});
afterAll(() => verbs[Symbol.asyncDispose]());

const prune = (output: string, changes: DeepPartial<PruneRequest> = {}): DeepPartial<PruneRequest> =>
  ({ model: DEMO, recipe: MAGNITUDE, selection: { $case: 'uniformRate', value: 0.25 }, output, ...changes });

/** Fails unless all that a result names is there, in full. */
async function expectWhole(directory: string, { files, bytes }: PruneResult): Promise<void> {
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(directory, file))).size));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(Number(bytes));
  expect((await readdir(directory)).sort()).toEqual([...files].sort());
}

describe('two servers with one output root', () => {
  it('leave what the other is writing alone, also when one of them starts meanwhile', async () => {
    const begun = once(pause, 'begun');
    const slowly = verbs.client.runPrune(prune('slowly', { exporter: { id: 'slow' } }));
    await begun;
    const folder = await makeFolder();
    const other = await startServerChild(folder, { environment: { PRUNECAST_OUTPUT_ROOT: verbs.path('outputs') } });
    const client = createClient({ address: other.address });
    try {
      const beside = await client.runPrune(prune('beside'));
      await expectWhole(verbs.path('outputs/beside'), beside);
      pause.emit('go-on');
      const result = await slowly;
      expect(result.files).toEqual(['first', 'second', 'prunecast.json']);
      await expectWhole(verbs.path('outputs/slowly'), result);
    } finally {
      pause.emit('go-on');
      client.close();
      await other.signal('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('write every output of many Prunes whole, while others start and stop', async () => {
    const folders = await Promise.all([makeFolder(), makeFolder(), makeFolder()]);
    const outputs = join(folders[0] ?? '', 'outputs');
    const environment = { PRUNECAST_OUTPUT_ROOT: outputs };
    const servers = await Promise.all(folders.slice(0, 2).map((folder) => startServerChild(folder, { environment })));
    const clients = servers.map(({ address }) => createClient({ address }));
    const pruneAll = (client: PrunecastClient, server: number) => Array.from({ length: 6 }, async (_, index) => {
      const output = `model-${server}-${index}`;
      await expectWhole(join(outputs, output), await client.runPrune(prune(output)));
    });
    try {
      const starts = (async () => {
        for (let i = 0; i < 2; i += 1) await (await startServerChild(folders[2] ?? '', { environment })).signal('SIGKILL');
      })();
      await Promise.all([...clients.flatMap(pruneAll), starts]);
      expect((await readdir(outputs)).filter((name) => /^model-[01]-[0-5]$/.test(name))).toHaveLength(12);
      expect(await readdir(outputs)).toHaveLength(12);
    } finally {
      for (const client of clients) client.close();
      for (const server of servers) await server.signal('SIGKILL');
      await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
    }
  });
});

describe('an output', () => {
  it('never takes the place of the model that is pruned, nor of a text that is read', async () => {
    const small = await verbs.client.runPrune(prune('small'));
    await mkdir(verbs.path('texts'), { recursive: true });
    await copyFile(join(MODELS_ROOT, DEMO, 'stories.json'), verbs.path('texts/stories.json'));
    const itself = await refusalOf(verbs, () => verbs.client.runPrune(prune('small', { model: 'small', overwrite: true })));
    expect(itself).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'OUTPUT_PROTECTED', fields: ['output'] });
    const within = await refusalOf(verbs, () => verbs.client.runPrune(prune('small/pruned', { model: 'small' })));
    expect(within).toMatchObject({ reason: 'OUTPUT_PROTECTED' });
    await expectWhole(verbs.path('outputs/small'), small);

    await using beside = await startVerbServer({ config: { outputRoot: verbs.path(), dataRoots: [verbs.path('texts')] } });
    const calibration = { text: { source: { $case: 'path', value: 'stories.json' } } } as const;
    const text = await refusalOf(beside, () => beside.client.runPrune(prune('texts', { recipe: { calibration }, overwrite: true })));
    expect(text).toMatchObject({ reason: 'OUTPUT_PROTECTED', message: expect.stringContaining('stories.json') as string });
    expect(await readdir(verbs.path('texts'))).toEqual(['stories.json']);
  });

  it('with a name that no file can have is refused before the search', async () => {
    const refusal = await refusalOf(verbs, () => verbs.client.runSearch(smallSearch({ output: 'n'.repeat(256) })));
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', fields: ['output'] });
    const result = await verbs.client.runPrune(prune('n'.repeat(220)));
    await expectWhole(verbs.path('outputs', 'n'.repeat(220)), result);
  });

  it('on a full disk fails as STORAGE_FULL and leaves nothing', async () => {
    const before = await readdir(verbs.path('outputs'));
    const failed = verbs.client.runPrune(prune('full', { exporter: { id: 'overfull' } }));
    const error = await failed.then(() => undefined, (thrown: unknown) => thrown as CallError);
    expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'STORAGE_FULL' });
    expect(await readdir(verbs.path('outputs'))).toEqual(before);
  });

  it('lists its files in its manifest, so that what is added later is not deleted', async () => {
    const result = await verbs.client.runPrune(prune('listed'));
    const { files } = JSON.parse(await readFile(verbs.path('outputs/listed/prunecast.json'), 'utf8')) as { files: Record<string, number> };
    expect(Object.keys(files).sort()).toEqual(result.files.filter((file) => file !== 'prunecast.json').sort());
    await writeFile(verbs.path('outputs/listed/notes.txt'), 'precious');
    const refusal = await refusalOf(verbs, () => verbs.client.runPrune(prune('listed', { overwrite: true })));
    expect(refusal).toMatchObject({ reason: 'OUTPUT_PROTECTED', message: expect.stringContaining('notes.txt') as string });
    expect(await readFile(verbs.path('outputs/listed/notes.txt'), 'utf8')).toBe('precious');
  });
});
