import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEMO, MAGNITUDE, MODELS_ROOT, refusalOf, startVerbServer, type VerbServer } from './verb-server.js';

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
  await writeFile(verbs.path('secret'), 'what only the server may read');
});
afterAll(() => verbs[Symbol.asyncDispose]());

/** The demo model under the caller's own name, with a link in it. */
async function placeModel(name: string, file: string, target: string): Promise<void> {
  await mkdir(verbs.path('models'), { recursive: true });
  await cp(join(MODELS_ROOT, DEMO), verbs.path('models', name), { recursive: true });
  await rm(verbs.path('models', name, file), { force: true });
  await symlink(target, verbs.path('models', name, file));
}

describe('a checkpoint with links in it', () => {
  it.each(['chat_template.jinja', 'generation_config.json', 'vocab.json'])(
    'never brings a file outside the roots into an output: %s',
    async (file) => {
      await placeModel(`copies-${file}`, file, verbs.path('secret'));
      const pruned = verbs.client.runPrune({
        model: `copies-${file}`,
        recipe: MAGNITUDE,
        selection: { $case: 'uniformRate', value: 0.25 },
        output: `out-${file}`,
      });
      await expect(pruned).rejects.toMatchObject({ reason: 'PATH_OUTSIDE_ROOTS', metadata: { file } });
      await expect(readFile(verbs.path('outputs', `out-${file}`, file))).rejects.toMatchObject({ code: 'ENOENT' });
    },
  );

  it.each(['config.json', 'model.safetensors', 'tokenizer.json'])(
    'is refused before any work where one that is read leads out of the roots: %s',
    async (file) => {
      await placeModel(`reads-${file}`, file, verbs.path('secret'));
      const refusal = await refusalOf(verbs, () =>
        verbs.client.services.models.inspectModel({ model: `reads-${file}` }),
      );
      expect(refusal).toMatchObject({ reason: 'PATH_OUTSIDE_ROOTS', fields: ['model'], metadata: { file } });
    },
  );

  it('is read, and its files copied, where they lead to places under a root', async () => {
    await placeModel('inside', 'vocab.json', verbs.path('models/shared-vocabulary'));
    await writeFile(verbs.path('models/shared-vocabulary'), '{"a": 1}');
    await verbs.client.runPrune({
      model: 'inside',
      recipe: MAGNITUDE,
      selection: { $case: 'uniformRate', value: 0.25 },
      output: 'inside',
    });
    expect(await readFile(verbs.path('outputs/inside/vocab.json'), 'utf8')).toBe('{"a": 1}');
  });

  it('is read wherever they lead if the server is configured so, as the CLI does with its own', async () => {
    await placeModel('anywhere', 'config.json', join(MODELS_ROOT, DEMO, 'config.json'));
    await using own = await startVerbServer({ config: { modelRoots: [verbs.path('models')], modelLinks: 'anywhere' } });
    expect(await own.client.services.models.inspectModel({ model: 'anywhere' })).toMatchObject({ family: 'llama' });
  });
});
