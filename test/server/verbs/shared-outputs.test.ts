import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  CallError,
  createClient,
  JobState,
  type DeepPartial,
  type PrunecastClient,
  type PruneRequest,
  type PruneResult,
} from '../../../src/client/index.js';
import { loadFixturePlugin } from '../../support/fixture-plugins.js';
import { startServerChild } from '../../support/server-child.js';
import { makeFolder } from '../../support/test-server.js';
import {
  DEMO,
  MAGNITUDE,
  MODELS_ROOT,
  refusalOf,
  smallSearch,
  startVerbServer,
  type VerbServer,
} from './verb-server.js';

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer({
    plugins: await Promise.all(
      ['slow', 'overfull', 'wordless'].map((name) => loadFixturePlugin(`exporters/${name}.mjs`)),
    ),
  });
});
afterAll(() => verbs[Symbol.asyncDispose]());

const prune = (output: string, changes: DeepPartial<PruneRequest> = {}): DeepPartial<PruneRequest> => ({
  model: DEMO,
  recipe: MAGNITUDE,
  selection: { $case: 'uniformRate', value: 0.25 },
  output,
  ...changes,
});

/** Fails unless all that a result names is there, in full. */
async function expectWhole(directory: string, { files, bytes }: PruneResult): Promise<void> {
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(directory, file))).size));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(Number(bytes));
  expect((await readdir(directory)).sort()).toEqual([...files].sort());
}

describe('two servers with one output root', () => {
  it('leave what the other is writing alone, also when one of them starts meanwhile', async () => {
    const [begun, resume] = [verbs.path('begun'), verbs.path('resume')];
    const slowly = verbs.client.runPrune(
      prune('slowly', { exporter: { id: 'slow', options: { begun, resume_file: resume } } }),
    );
    await vi.waitFor(() => stat(begun), { timeout: 20_000, interval: 10 });
    const folder = await makeFolder();
    const other = await startServerChild(folder, { environment: { PRUNECAST_OUTPUT_ROOT: verbs.path('outputs') } });
    const client = createClient({ address: other.address });
    try {
      const beside = await client.runPrune(prune('beside'));
      await expectWhole(verbs.path('outputs/beside'), beside);
      await writeFile(resume, '');
      const result = await slowly;
      expect(result.files).toEqual(['first', 'second', 'prunecast.json']);
      await expectWhole(verbs.path('outputs/slowly'), result);
    } finally {
      await writeFile(resume, '');
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
    const pruneAll = (client: PrunecastClient, server: number) =>
      Array.from({ length: 6 }, async (_, index) => {
        const output = `model-${server}-${index}`;
        await expectWhole(join(outputs, output), await client.runPrune(prune(output)));
      });
    try {
      const starts = (async () => {
        for (let i = 0; i < 2; i += 1)
          await (await startServerChild(folders[2] ?? '', { environment })).signal('SIGKILL');
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
    const itself = await refusalOf(verbs, () =>
      verbs.client.runPrune(prune('small', { model: 'small', overwrite: true })),
    );
    expect(itself).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'OUTPUT_PROTECTED', fields: ['output'] });
    const within = await refusalOf(verbs, () => verbs.client.runPrune(prune('small/pruned', { model: 'small' })));
    expect(within).toMatchObject({ reason: 'OUTPUT_PROTECTED' });
    await expectWhole(verbs.path('outputs/small'), small);

    await using beside = await startVerbServer({
      config: { outputRoot: verbs.path(), dataRoots: [verbs.path('texts')] },
    });
    const calibration = { text: { source: { $case: 'path', value: 'stories.json' } } } as const;
    const text = await refusalOf(beside, () =>
      beside.client.runPrune(prune('texts', { recipe: { calibration }, overwrite: true })),
    );
    expect(text).toMatchObject({
      reason: 'OUTPUT_PROTECTED',
      message: expect.stringContaining('stories.json') as string,
    });
    expect(await readdir(verbs.path('texts'))).toEqual(['stories.json']);
  });

  it('with a name that no file can have is refused before the search', async () => {
    const refusal = await refusalOf(verbs, () => verbs.client.runSearch(smallSearch({ output: 'n'.repeat(256) })));
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', fields: ['output'] });
    const result = await verbs.client.runPrune(prune('n'.repeat(220)));
    await expectWhole(verbs.path('outputs', 'n'.repeat(220)), result);
  });

  it('whose exporter does not say what it wrote is PLUGIN_INVALID and leaves nothing', async () => {
    await expect(verbs.client.runPrune(prune('wordless', { exporter: { id: 'wordless' } }))).rejects.toMatchObject({
      reason: 'PLUGIN_INVALID',
      message: expect.stringContaining('{files, bytes, digests?}'),
      metadata: { kind: 'exporter', id: 'wordless', method: 'write' },
    });
    expect(await readdir(verbs.path('outputs'))).not.toContain('wordless');
  });

  it('on a full disk pauses its job as STORAGE_FULL and leaves nothing', async () => {
    const before = await readdir(verbs.path('outputs'));
    let jobId = '';
    let error: CallError | undefined;
    for await (const event of verbs.client.prune(prune('full', { exporter: { id: 'overfull' } }))) {
      ({ jobId } = event);
      if (event.payload?.$case !== 'paused' || event.payload.value.error === undefined) continue;
      error = CallError.fromStatus(event.payload.value.error);
      break;
    }
    expect(await readdir(verbs.path('outputs'))).toEqual(before);
    expect(error).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'STORAGE_FULL',
      metadata: { folder: 'outputRoot', output: 'full' },
    });
    expect((await verbs.client.services.jobs.cancelJob({ jobId })).job?.state).toBe(JobState.CANCELLED);
  });

  it('lists its files in its manifest, so that what is added later is not deleted', async () => {
    const result = await verbs.client.runPrune(prune('listed'));
    const { files } = JSON.parse(await readFile(verbs.path('outputs/listed/prunecast.json'), 'utf8')) as {
      files: Record<string, number>;
    };
    expect(Object.keys(files).sort()).toEqual(result.files.filter((file) => file !== 'prunecast.json').sort());
    await writeFile(verbs.path('outputs/listed/notes.txt'), 'precious');
    const refusal = await refusalOf(verbs, () => verbs.client.runPrune(prune('listed', { overwrite: true })));
    expect(refusal).toMatchObject({
      reason: 'OUTPUT_PROTECTED',
      message: expect.stringContaining('notes.txt') as string,
    });
    expect(await readFile(verbs.path('outputs/listed/notes.txt'), 'utf8')).toBe('precious');
  });
});
