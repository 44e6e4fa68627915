import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createCheckpointFiles } from '../../../src/engine/files/checkpoint-files.js';
import { listCompanions, MAX_COMPANION_BYTES, MAX_COMPANIONS } from '../../../src/engine/checkpoint/list-companions.js';
import { makeFolder } from './tiny-checkpoint.js';

/** A folder with these files; objects are written as JSON. */
async function makeFiles(files: Readonly<Record<string, unknown>>): Promise<string> {
  const folder = await makeFolder();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

async function list(directory: string, roots?: readonly string[]): Promise<readonly string[]> {
  return listCompanions(createCheckpointFiles({ directory, ...(roots === undefined ? {} : { roots }) }));
}

describe('listCompanions', () => {
  it('copies tokenizers of all makes, chat templates, generation defaults and licences, and nothing else', async () => {
    const companions = [
      'tokenizer.json',
      'tokenizer_config.json',
      'special_tokens_map.json',
      'added_tokens.json',
      'vocab.json',
      'merges.txt',
      'tokenizer.model',
      'tokenizer.model.v3',
      'tekken.json',
      'qwen.tiktoken',
      'chat_template.jinja',
      'chat_template.json',
      'generation_config.json',
      'additional_chat_templates/rag.jinja',
      'additional_chat_templates/tool_use.jinja',
      'LICENSE',
      'LICENSE.txt',
      'license-mit.md',
      'NOTICE',
      'Notice.txt',
      'USE_POLICY.md',
      'tokenization_own.py',
    ];
    const others = [
      'config.json',
      'model.safetensors',
      'pytorch_model.bin',
      'params.json',
      'README.md',
      'modeling_own.py',
      'prunecast.json',
      'tokenizer.json.bak',
      'additional_chat_templates/notes.txt',
      'original/tokenizer.model',
      'licensed_data.bin',
    ];
    const folder = await makeFiles(Object.fromEntries([...companions, ...others].map((name) => [name, {}])));
    expect(await list(folder)).toEqual(companions.toSorted());
  });

  it("follows auto_map to the tokenizer's own modules and the modules beside them that they import, even in a circle", async () => {
    const folder = await makeFiles({
      'tokenizer_config.json': {
        auto_map: { AutoTokenizer: ['slow.OwnTokenizer', null], AutoProcessor: 'processing.Own' },
      },
      'config.json': {
        auto_map: { AutoTokenizer: [null, 'fast.OwnTokenizerFast'], AutoModelForCausalLM: 'modeling_own.Own' },
      },
      'slow.py': 'from .vocabulary import read\nimport os\n',
      'vocabulary.py': '    from .slow import OwnTokenizer\n',
      'fast.py': 'from .missing import nothing\n',
      'modeling_own.py': '',
      'processing.py': '',
    });
    expect(await list(folder)).toEqual(['fast.py', 'slow.py', 'tokenizer_config.json', 'vocabulary.py']);
  });

  it.each([
    ['another repository', 'acme/tokens--own.Tokenizer'],
    ['a folder above', '../secret.Tokenizer'],
    ['no text', 7],
  ])('copies nothing if auto_map names %s', async (_what, AutoTokenizer) => {
    const folder = await makeFiles({
      'model/tokenizer_config.json': { auto_map: { AutoTokenizer } },
      'secret.py': '',
      'model/own.py': '',
    });
    expect(await list(join(folder, 'model'))).toEqual(['tokenizer_config.json']);
  });

  it('copies a tokenizer_config.json that does not parse', async () => {
    expect(await list(await makeFiles({ 'tokenizer_config.json': '{"auto_map"' }))).toEqual(['tokenizer_config.json']);
  });

  it.each(['LICENSE', 'own.py', 'additional_chat_templates/rag.jinja'])(
    'refuses a link %s that leads out of the roots, and follows one inside',
    async (name) => {
      const folder = await makeFiles({
        'model/tokenizer_config.json': { auto_map: { AutoTokenizer: 'own.Tokenizer' } },
        'blobs/text': 'text',
      });
      const outside = await mkdtemp(join(dirname(folder), 'prunecast-outside-'));
      onTestFinished(() => rm(outside, { recursive: true, force: true }));
      await writeFile(join(outside, 'secret'), 'secret');
      const link = join(folder, 'model', name);
      await mkdir(dirname(link), { recursive: true });
      await symlink(join(folder, 'blobs/text'), link);
      expect(await list(join(folder, 'model'), [folder])).toContain(name);
      await rm(link);
      await symlink(join(outside, 'secret'), link);
      await expect(list(join(folder, 'model'), [folder])).rejects.toMatchObject({
        reason: 'PATH_OUTSIDE_ROOTS',
        message: expect.stringContaining(name),
      });
    },
  );

  it('does not look into a folder of templates that is a link', async () => {
    const folder = await makeFiles({ 'elsewhere/secret.jinja': '', 'model/LICENSE': '' });
    await symlink(join(folder, 'elsewhere'), join(folder, 'model/additional_chat_templates'));
    expect(await list(join(folder, 'model'), [join(folder, 'model')])).toEqual(['LICENSE']);
  });

  it('refuses more or larger files than any model has, and accepts the maximum', async () => {
    const many = await makeFiles(
      Object.fromEntries(Array.from({ length: MAX_COMPANIONS }, (_, index) => [`LICENSE-${index}`, ''])),
    );
    expect(await list(many)).toHaveLength(MAX_COMPANIONS);
    await writeFile(join(many, 'NOTICE'), '');
    await expect(list(many)).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: expect.stringContaining(`at most ${MAX_COMPANIONS}`),
    });
    const large = await makeFiles({ 'tekken.json': '' });
    await truncate(join(large, 'tekken.json'), MAX_COMPANION_BYTES);
    expect(await list(large)).toEqual(['tekken.json']);
    await truncate(join(large, 'tekken.json'), MAX_COMPANION_BYTES + 1);
    await expect(list(large)).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: expect.stringContaining('tekken.json'),
    });
  });

  it('refuses a folder in place of a file', async () => {
    const folder = await makeFiles({
      'own.py/inner': '',
      'tokenizer_config.json': { auto_map: { AutoTokenizer: 'own.Tokenizer' } },
    });
    await expect(list(folder)).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: expect.stringContaining('own.py'),
    });
  });
});
