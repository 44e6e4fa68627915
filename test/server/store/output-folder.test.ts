import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createOutputFolders, type OutputFolders } from '../../../src/server/store/output-folder.js';
import { makeFolder } from '../../support/test-server.js';

let folder = '';
let root = '';
let outputs: OutputFolders;
beforeEach(async () => {
  folder = await makeFolder();
  root = join(folder, 'outputs');
  await mkdir(root);
  outputs = createOutputFolders(root);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const writing = (text: string) => async (directory: string) => {
  await mkdir(join(directory, 'sub'));
  await writeFile(join(directory, 'sub', 'model.txt'), text);
  return text.length;
};
const read = (output: string) => readFile(join(root, output, 'sub', 'model.txt'), 'utf8');

describe('write', () => {
  it('puts the whole folder in place, nested ones too, and returns what the writer did', async () => {
    expect(await outputs.write('a/b/model', 'refuse', writing('new'))).toBe(3);
    expect(await read('a/b/model')).toBe('new');
    expect(await readdir(join(root, 'a/b'))).toEqual(['model']);
  });

  it('refuses an existing output, replaces it when asked to, and shows the old one until the new one is whole', async () => {
    await outputs.write('model', 'refuse', writing('old'));
    await expect(outputs.write('model', 'refuse', writing('new'))).rejects.toMatchObject({ reason: 'OUTPUT_EXISTS', violations: [{ field: 'output' }] });
    await outputs.write('model', 'replace', async (directory) => {
      await writing('new')(directory);
      expect(await read('model')).toBe('old');
    });
    expect(await read('model')).toBe('new');
    expect(await readdir(root)).toEqual(['model']);
  });

  it('leaves what was there, and nothing else, when the writer fails', async () => {
    await outputs.write('model', 'refuse', writing('old'));
    await expect(outputs.write('model', 'replace', async (directory) => {
      await writing('half')(directory);
      throw new Error('disk full');
    })).rejects.toThrow('disk full');
    await expect(outputs.write('other', 'refuse', () => Promise.reject(new Error('disk full')))).rejects.toThrow('disk full');
    expect(await read('model')).toBe('old');
    expect(await readdir(root)).toEqual(['model']);
  });

  it('gives one of two writers of one output the place, and refuses the other', async () => {
    const outcomes = await Promise.allSettled(['one', 'two'].map((text) => outputs.write('model', 'refuse', writing(text))));
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(failed).toHaveLength(1);
    expect(failed[0]?.reason).toMatchObject({ reason: 'OUTPUT_EXISTS' });
    expect(await readdir(root)).toEqual(['model']);
  });
});

describe('check', () => {
  it('refuses what leads out of the output root, by name or over a link, and names of unfinished outputs', async () => {
    await mkdir(join(folder, 'outside'));
    await symlink(join(folder, 'outside'), join(root, 'link'));
    for (const output of ['..', '../outside/x', '/etc/model', 'a/../../x', 'link/x', 'link', '.', 'a\0b']) {
      await expect(outputs.check(output, 'replace')).rejects.toMatchObject({ reason: 'PATH_OUTSIDE_ROOTS', violations: [{ field: 'output' }] });
    }
    for (const output of ['', 'a/b/c/d/e/f/g', `.m.prunecast-new-output-${'0'.repeat(16)}`]) {
      await expect(outputs.check(output, 'replace')).rejects.toMatchObject({ reason: 'INVALID_REQUEST' });
    }
    await outputs.check('a/../b', 'refuse');
    expect(await readdir(join(folder, 'outside'))).toEqual([]);
  });
});

describe('sweep', () => {
  it('removes unfinished outputs and puts back an old one that had only been moved aside', async () => {
    const id = `output-${'a'.repeat(16)}`;
    const leave = async (path: string, text: string) => {
      await mkdir(join(root, path), { recursive: true });
      await writing(text)(join(root, path));
    };
    // Killed while writing; between the two renames; and before the old one was removed.
    await leave(`deep/er/.one.prunecast-new-${id}`, 'half');
    await leave(`.two.prunecast-old-${id}`, 'old');
    await leave(`.two.prunecast-new-${id}`, 'new');
    await leave('three', 'new');
    await leave(`.three.prunecast-old-${id}`, 'old');
    await outputs.sweep();
    expect(await readdir(join(root, 'deep/er'))).toEqual([]);
    expect((await readdir(root)).sort()).toEqual(['deep', 'three', 'two']);
    expect([await read('two'), await read('three')]).toEqual(['old', 'new']);
  });

  it('makes the output root when it is not there', async () => {
    await rm(root, { recursive: true });
    await outputs.sweep();
    expect(existsSync(root)).toBe(true);
  });
});
