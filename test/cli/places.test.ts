import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AT_SERVER, ON_THIS_MACHINE, trustUser } from '../../src/cli/session/places.js';
import { loadConfig } from '../../src/server/config/config.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'prunecast-places-'));
  mkdirSync(join(folder, 'models/tiny'), { recursive: true });
  writeFileSync(join(folder, 'story.txt'), 'Once');
});
afterAll(() => rmSync(folder, { recursive: true }));

const readSettings = (modelRoots: string) => loadConfig(trustUser({ PRUNECAST_MODEL_ROOTS: modelRoots }));
const fromHere = (path: string) => relative(process.cwd(), join(folder, path));

describe('names for a server of this machine', () => {
  it('are absolute, so that they mean the same in every folder', () => {
    const { toModel, toOutput, toText } = ON_THIS_MACHINE;
    expect(toModel(fromHere('models/tiny'))).toBe(join(folder, 'models/tiny'));
    expect(toText(fromHere('story.txt'))).toEqual({ path: join(folder, 'story.txt') });
    expect(toText('@Once upon a time')).toEqual({ inline: 'Once upon a time' });
    expect(toOutput(fromHere('new/deep/out'))).toBe(join(folder, 'new/deep/out'));
  });

  it('stay as they are for a model or text that is not there, for a root of the server to find', () => {
    expect(ON_THIS_MACHINE.toModel('elsewhere/tiny')).toBe('elsewhere/tiny');
    expect(ON_THIS_MACHINE.toText('elsewhere.txt')).toEqual({ path: 'elsewhere.txt' });
  });
});

describe('names for a server at an address', () => {
  it("stay as they are, as they are relative to the server's own roots", () => {
    const { toModel, toOutput, toText } = AT_SERVER;
    expect([toModel(folder), toOutput('out/x'), toText('a.txt')]).toEqual([folder, 'out/x', { path: 'a.txt' }]);
  });
});

describe('the settings of a server that a command starts', () => {
  it('let it read and write whatever its user may, after roots of the environment in either form', () => {
    expect(readSettings('/a:/b').modelRoots).toEqual(['/a', '/b', process.cwd(), '/']);
    expect(readSettings('["/a:b"]').modelRoots).toEqual(['/a:b', process.cwd(), '/']);
    expect(readSettings('')).toMatchObject({
      modelRoots: [process.cwd(), '/'],
      outputRoot: '/',
      dataLinks: 'anywhere',
    });
  });
});
