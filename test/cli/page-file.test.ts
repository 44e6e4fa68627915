import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPageFile } from '../../src/cli/output/page-file.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prunecast-page-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a page that is written at the end', () => {
  it('is refused before the work if its folder is missing, if it exists, or if it is a folder', () => {
    const taken = join(folder, 'taken.html');
    writeFileSync(taken, 'mine');
    expect(() => openPageFile('--report', join(folder, 'none', 'r.html'), {})).toThrow(
      `no folder ${join(folder, 'none')}`,
    );
    expect(() => openPageFile('--report', taken, {})).toThrow('--overwrite');
    expect(() => openPageFile('--report', folder, { overwrite: true })).toThrow('is no file');
    expect(readFileSync(taken, 'utf8')).toBe('mine');
  });

  it('is written, and replaces another with --overwrite only, even one that came meanwhile', () => {
    const path = join(folder, 'r.html');
    const [first, second] = [openPageFile('--report', path, {}), openPageFile('--report', path, {})];
    first.write('one');
    expect(() => second.write('two')).toThrow('EEXIST');
    openPageFile('--report', path, { overwrite: true }).write('three');
    expect(readFileSync(path, 'utf8')).toBe('three');
  });
});
