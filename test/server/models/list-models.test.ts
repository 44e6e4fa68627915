import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEMO, MODELS_ROOT, refusalOf, startVerbServer, type VerbServer } from '../verbs/verb-server.js';

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer({ config: {} });
  const models = (...parts: readonly string[]) => verbs.path('models', ...parts);
  await cp(join(MODELS_ROOT, DEMO), models('hub', 'demo', 'snapshots', 'a'), { recursive: true });
  await mkdir(models('bad'), { recursive: true });
  await writeFile(models('bad', 'config.json'), '{"model_type": "unheard-of"}');
  await mkdir(models('empty'));
  await mkdir(models('exported', 'onnx', 'onnx'), { recursive: true });
  await writeFile(models('exported', 'onnx', 'config.json'), '{"model_type": "llama"}');
  await mkdir(models('.hidden'));
  await writeFile(models('.hidden', 'config.json'), '{}');
  await symlink(models('hub', 'demo', 'snapshots', 'a'), models('alias'));
  await symlink(models(), models('circle'));
  await mkdir(verbs.path('outside'));
  await writeFile(verbs.path('outside', 'config.json'), '{}');
  await symlink(verbs.path('outside'), models('leaving'));
});
afterAll(() => verbs[Symbol.asyncDispose]());

const list = (request: { folder?: string; pageSize?: number; pageToken?: string } = {}) =>
  verbs.client.services.models.listModels(request);

describe('ListModels', () => {
  it('tells what the checkpoints under all roots are, each once, by the name that requests take', async () => {
    const { models, nextPageToken, truncated } = await list();
    expect([nextPageToken, truncated]).toEqual(['', false]);
    // A graph for ONNX Runtime is no checkpoint, though it has a config.json.
    expect(models.map(({ model }) => model)).toEqual(['alias', 'bad', DEMO]);
    const demo = { family: 'llama', parameters: 260_032n, hasTokenizer: true, fault: '' };
    expect(models[0]).toMatchObject(demo);
    expect(models[2]).toMatchObject(demo);
    expect(models[1]).toMatchObject({ family: '', parameters: 0n, weightBytes: 0n, hasTokenizer: false });
    for (const { model, ...listed } of [models[0], models[2]].filter((each) => each !== undefined)) {
      const { family, parameters, weightBytes } = await verbs.client.services.models.inspectModel({ model });
      expect(listed).toMatchObject({ family, parameters, weightBytes });
    }
  });

  it('says of a fault what InspectModel refuses the model with', async () => {
    const { models } = await list();
    const { reason, message } = await refusalOf(verbs, () =>
      verbs.client.services.models.inspectModel({ model: 'bad' }),
    );
    expect(models[1]?.fault).toBe(`${reason}: ${message}`);
  });

  it('lists in pages, and of one folder', async () => {
    const names: string[] = [];
    let pageToken = '';
    do {
      const page = await list({ pageSize: 2, pageToken });
      names.push(...page.models.map(({ model }) => model));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(names).toEqual(['alias', 'bad', DEMO]);
    expect((await list({ folder: 'hub' })).models.map(({ model }) => model)).toEqual(['hub/demo/snapshots/a']);
    expect(await refusalOf(verbs, () => list({ folder: 'nowhere' }))).toMatchObject({
      code: 'NOT_FOUND',
      reason: 'MODEL_NOT_FOUND',
      fields: ['folder'],
    });
    expect(await refusalOf(verbs, () => list({ folder: '../outside' }))).toMatchObject({
      reason: 'PATH_OUTSIDE_ROOTS',
      fields: ['folder'],
    });
    expect(await refusalOf(verbs, () => list({ pageToken: '!' }))).toMatchObject({ fields: ['page_token'] });
  });
});
