import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/server/config/config.js';
import { placeAtServer, placeLocally } from '../../src/cli/session/places.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'prunecast-places-'));
  for (const path of ['models/tiny', 'texts/a', 'texts/b']) mkdirSync(join(folder, path), { recursive: true });
  for (const path of ['texts/a/story.txt', 'texts/b/story.txt']) writeFileSync(join(folder, path), path);
});
afterAll(() => rmSync(folder, { recursive: true }));

const path = (file: string) => join(folder, file);
const firstRoot = (roots: string | undefined) => (JSON.parse(roots ?? '[]') as string[])[0];

describe('placeLocally', () => {
  it('makes the parent folder of an existing model its root', () => {
    const { model, environment } = placeLocally({ model: path('models/tiny') }, {});
    expect(model).toBe('tiny');
    expect(firstRoot(environment['PRUNECAST_MODEL_ROOTS'])).toBe(path('models'));
  });

  it('leaves the name of a model that is not there, for a configured root to find', () => {
    const { model, environment } = placeLocally({ model: 'elsewhere/tiny' }, { PRUNECAST_MODEL_ROOTS: '/store' });
    expect(model).toBe('elsewhere/tiny');
    expect(firstRoot(environment['PRUNECAST_MODEL_ROOTS'])).toBe('/store');
  });

  it('hands folders with a colon over whole, those of the environment in either form too', () => {
    mkdirSync(path('run-12:30/tiny'), { recursive: true });
    const read = (configured: string) =>
      loadConfig(placeLocally({ model: path('run-12:30/tiny') }, { PRUNECAST_MODEL_ROOTS: configured }).environment)
        .modelRoots;
    expect(read('/a:/b')).toEqual([path('run-12:30'), '/a', '/b', process.cwd()]);
    expect(read('["/a:b"]')).toEqual([path('run-12:30'), '/a:b', process.cwd()]);
    expect(read('')).toEqual([path('run-12:30'), process.cwd()]);
  });

  it('tells texts of one name in two folders apart', () => {
    const texts = [path('texts/a/story.txt'), '@inline', path('texts/b/story.txt')];
    const { toText, environment } = placeLocally({ texts }, {});
    expect(firstRoot(environment['PRUNECAST_DATA_ROOTS'])).toBe(path('texts'));
    expect(toText(path('texts/b/story.txt'))).toEqual({ path: 'b/story.txt' });
    expect(toText('@Once upon a time')).toEqual({ inline: 'Once upon a time' });
  });

  it('makes the folder that an output goes into', () => {
    const { toOutput, environment } = placeLocally({ output: path('new/deep/out') }, {});
    expect(toOutput(path('new/deep/out'))).toBe('out');
    expect(basename(environment['PRUNECAST_OUTPUT_ROOT'] ?? '')).toBe('deep');
  });
});

describe('placeAtServer', () => {
  it("leaves names alone, as they are relative to the server's own roots", () => {
    const { model, toOutput, toText } = placeAtServer({ model: path('models/tiny') });
    expect([model, toOutput('out/x'), toText('a.txt')]).toEqual([path('models/tiny'), 'out/x', { path: 'a.txt' }]);
  });
});
