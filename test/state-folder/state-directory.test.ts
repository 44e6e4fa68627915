import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultStateDirectory, makeStateDirectory } from '../../src/state-folder/state-directory.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'prunecast-state-folder-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const home = () => '/home/ann';
const of = (platform: NodeJS.Platform, environment = {}) => defaultStateDirectory({ environment, platform, home });

describe('the state folder of a user', () => {
  it('is where the platform keeps such things', () => {
    expect(of('linux')).toBe('/home/ann/.local/state/prunecast');
    expect(of('darwin')).toBe('/home/ann/Library/Application Support/prunecast');
    expect(of('linux', { XDG_STATE_HOME: '/state' })).toBe('/state/prunecast');
    expect(of('darwin', { XDG_STATE_HOME: '/state' })).toBe('/state/prunecast');
    // The specification says that a relative path is to be ignored.
    expect(of('linux', { XDG_STATE_HOME: 'state' })).toBe('/home/ann/.local/state/prunecast');
    expect(of('win32', { LOCALAPPDATA: '/local' })).toBe('/local/prunecast');
  });

  it('must be named by a user who has no home', () => {
    const homeless = [
      () => '',
      () => {
        throw new Error('ENOENT');
      },
    ];
    for (const none of homeless)
      expect(() => defaultStateDirectory({ environment: {}, platform: 'linux', home: none })).toThrow(
        /--state-dir DIR or PRUNECAST_STATE_DIRECTORY/,
      );
  });

  it('is made with its parents, and only its user may open it', () => {
    makeStateDirectory(join(folder, 'a/b'));
    expect(statSync(join(folder, 'a/b')).mode & 0o777).toBe(0o700);
    makeStateDirectory(join(folder, 'a/b'));
  });

  it('that cannot be made is refused with the settings that name another', () => {
    writeFileSync(join(folder, 'file'), '');
    for (const path of ['file', 'file/state'])
      expect(() => makeStateDirectory(join(folder, path))).toThrow(
        new RegExp(`${path} cannot be used: a file is in its place.*--state-dir DIR or PRUNECAST_STATE_DIRECTORY=DIR`),
      );
  });
});
