import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEMO_DIRECTORY } from '../support/demo-model.js';
import { runCli } from './run-cli.js';

/** A folder as runs name them, with a model and a text on another disk, and links to them. */
let folder = '';
beforeAll(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'prunecast-')), 'run-12:30,1');
  for (const path of ['disk', 'home']) mkdirSync(join(folder, path), { recursive: true });
  cpSync(DEMO_DIRECTORY, join(folder, 'disk/tiny'), { recursive: true });
  writeFileSync(
    join(folder, 'disk/4f1c'),
    JSON.stringify(['Once upon a time there was a little girl named Lily. '.repeat(40)]),
  );
  symlinkSync('../disk/4f1c', join(folder, 'home/story.json'));
  symlinkSync('../disk/tiny', join(folder, 'home/tiny'));
});
afterAll(() => rmSync(join(folder, '..'), { recursive: true }));

const evaluate = async (model: string, text: string) => {
  const { code, stdout, stderr } = await runCli(
    ['evaluate', '--model', model, '--text', text, '--window', '32', '--json'],
    { cwd: folder },
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return /"perplexity":([\d.]+)/.exec(stdout)?.[1];
};

describe('prunecast without --address', () => {
  it('finds a model and a text over links, by the names that they have there, in a folder with a colon and a comma', async () => {
    writeFileSync(join(folder, 'plain.txt'), 'Once upon a time there was a little girl named Lily. '.repeat(40));
    const plain = await evaluate('disk/tiny', 'plain.txt');
    expect(plain).toMatch(/^\d/);
    expect(await evaluate('home/tiny', 'home/story.json')).toBe(plain);
  });
});
