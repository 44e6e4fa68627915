import { mkdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readDataFiles } from '../../../src/server/texts/read-data-files.js';
import { makeFolder } from '../../support/test-server.js';

let base: string;
let root: string;
beforeEach(async () => {
  base = await makeFolder();
  root = join(base, 'texts');
  await mkdir(join(root, 'mmlu', 'dev'), { recursive: true });
  await mkdir(join(root, 'mmlu', 'test'));
  await writeFile(join(root, 'mmlu', 'dev', 'b.csv'), 'q,1\n');
  await writeFile(join(root, 'mmlu', 'dev', 'a.csv'), 'p,2\nq,3\n');
  await writeFile(join(root, 'mmlu', 'test', 'a.csv'), 'r,4\n');
});
afterEach(() => rm(base, { recursive: true, force: true }));

const read = (path: string, folders?: readonly string[]) =>
  readDataFiles({ dataRoots: [root], dataLinks: 'within-roots' }, { path, field: 'text.path' }, folders);
const refusal = (path: string, folders?: readonly string[]) =>
  read(path, folders).then(
    () => 'not refused',
    (error: unknown) => {
      expect(error).toMatchObject({ violations: [{ field: 'text.path' }] });
      const { reason, message } = error as { reason: string; message: string };
      return `${reason} ${message}`;
    },
  );

describe('the files of a data set', () => {
  it('are one file, under its own name', async () => {
    const { files } = await read('mmlu/dev/a.csv');
    expect(files).toEqual([
      {
        name: 'a.csv',
        rows: [
          { line: 1, values: ['p', '2'] },
          { line: 2, values: ['q', '3'] },
        ],
      },
    ]);
  });

  it('are those of named folders, by folder and name, without what has no rows', async () => {
    await writeFile(join(root, 'mmlu', 'dev', 'README.md'), 'about');
    await writeFile(join(root, 'mmlu', 'dev', '.hidden.csv'), '"');
    await mkdir(join(root, 'mmlu', 'dev', 'more.csv'));
    await mkdir(join(root, 'mmlu', 'val'));
    const { files } = await read('mmlu', ['test', 'dev']);
    expect(files.map(({ name }) => name)).toEqual(['test/a.csv', 'dev/a.csv', 'dev/b.csv']);
  });

  it('have a digest that changes with any content and any name, and not with the name of a single file', async () => {
    const [single, folder] = [await read('mmlu/dev/a.csv'), await read('mmlu', ['dev'])];
    await writeFile(join(root, 'renamed.csv'), 'p,2\nq,3\n');
    expect((await read('renamed.csv')).digest).toBe(single.digest);
    await writeFile(join(root, 'mmlu', 'dev', 'b.csv'), 'q,2\n');
    const changed = await read('mmlu', ['dev']);
    await writeFile(join(root, 'mmlu', 'dev', 'c.csv'), 'q,2\n');
    await rm(join(root, 'mmlu', 'dev', 'b.csv'));
    const renamed = await read('mmlu', ['dev']);
    expect(new Set([single, folder, changed, renamed].map(({ digest }) => digest)).size).toBe(4);
  });

  it('are refused with the name and the line of a row at fault', async () => {
    await writeFile(join(root, 'mmlu', 'dev', 'b.csv'), 'q,1\n"x,2\n');
    expect(await refusal('mmlu', ['dev'])).toMatch(/^INVALID_REQUEST text\.path: "dev\/b\.csv": line 2 /);
    await writeFile(join(root, 'mmlu', 'dev', 'b.csv'), '');
    expect(await refusal('mmlu', ['dev'])).toMatch(/"dev\/b\.csv": is empty/);
    await writeFile(join(root, 'mmlu', 'dev', 'b.csv'), Buffer.from('q,1\ncaf\u00e9,2\n', 'latin1'));
    expect(await refusal('mmlu', ['dev'])).toMatch(/"dev\/b\.csv": is not UTF-8: .*line 2/);
  });

  it('are refused if they are a text, a folder, or missing', async () => {
    await writeFile(join(root, 'wiki.raw'), 'text');
    expect(await refusal('wiki.raw')).toMatch(/^INVALID_REQUEST .*\.csv, .*\.parquet/);
    expect(await refusal('mmlu.csv')).toMatch(/^TEXT_NOT_FOUND /);
    expect(await refusal('mmlu', ['val'])).toMatch(/^TEXT_NOT_FOUND .*"mmlu" has no folder "val": .* has "val"/);
    expect(await refusal('', ['dev'])).toMatch(/^INVALID_REQUEST .*empty/);
    await mkdir(join(root, 'mmlu', 'val'));
    expect(await refusal('mmlu', ['val'])).toMatch(/"val" has no file with rows/);
    await mkdir(join(root, 'folder.csv'));
    expect(await refusal('folder.csv')).toMatch(/is a folder/);
    expect(await refusal('mmlu')).toMatch(/^INVALID_REQUEST .*"mmlu" is a folder: name a file in it/);
    expect(await refusal('mmlu/dev/a.csv', ['dev', 'test'])).toMatch(
      /^INVALID_REQUEST .*a\.csv" is a file: name the folder that has "dev" and "test"/,
    );
  });

  it('are refused if they, their folder or one of their files leads outside', async () => {
    await writeFile(join(base, 'secret.csv'), 's,1\n');
    expect(await refusal('../secret.csv')).toMatch(/^PATH_OUTSIDE_ROOTS /);
    await symlink(join(base, 'secret.csv'), join(root, 'mmlu', 'dev', 'c.csv'));
    expect(await refusal('mmlu', ['dev'])).toMatch(/^PATH_OUTSIDE_ROOTS .*"dev\/c\.csv"/);
    await symlink(base, join(root, 'mmlu', 'val'));
    expect(await refusal('mmlu', ['val'])).toMatch(/^PATH_OUTSIDE_ROOTS /);
    expect(await refusal('mmlu', ['../..'])).toMatch(/^PATH_OUTSIDE_ROOTS /);
  });

  it('are refused if they are too large together', async () => {
    await truncate(join(root, 'mmlu', 'test', 'a.csv'), 128 * 2 ** 20);
    expect(await refusal('mmlu', ['dev', 'test'])).toMatch(
      /"test\/a\.csv": the file has 134217728 bytes; at most 134217716/,
    );
  });
});
