import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPlugin } from '../../../src/plugin-host/import-plugins.js';
import { loadPlugins } from '../../../src/server/plugins/load-plugins.js';
import { writePlugin } from '../../support/fixture-plugins.js';

const criterion = (id: string, more = '') =>
  `plugin.defineCriterion({ id: '${id}', summary: 'Scores.', needs: [], options: plugin.z.strictObject({}), score: ({ units }) => new Float32Array(units.length), ${more} })`;

const noProcesses = {
  open: () => Promise.reject(new Error('no process is named here')),
  close: () => Promise.resolve(),
};
let folder: string;
const load = (...specifiers: string[]) => loadPlugins(specifiers, { folder, limitMs: 3_000, remote: noProcesses });
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'load-plugins-')));
  writePlugin(join(folder, 'one.mjs'), `export default ${criterion('one')};`);
  writePlugin(
    join(folder, 'two.mjs'),
    `export default [${criterion('two')}, ${criterion('three', "version: '9.1'")}];`,
  );
  const installed = join(folder, 'node_modules/@acme/x');
  await mkdir(join(installed, 'lib'), { recursive: true });
  await writeFile(
    join(installed, 'package.json'),
    JSON.stringify({
      name: '@acme/x',
      version: '2.3.4',
      type: 'module',
      exports: { '.': { import: './lib/index.js' } },
    }),
  );
  writePlugin(join(installed, 'lib/index.js'), `export default ${criterion('of-package')};`);
});
afterAll(() => rm(folder, { recursive: true }));

describe('loadPlugins', () => {
  it('finds a file by a relative and by an absolute path, once if both are named, and a package from the folder', async () => {
    const entries = await load('./one.mjs', join(folder, 'one.mjs'), '@acme/x');
    expect(entries.map(({ plugin, moduleUrl }) => [plugin.kind, plugin.id, moduleUrl.href])).toEqual([
      ['criterion', 'one', pathToFileURL(join(folder, 'one.mjs')).href],
      ['criterion', 'of-package', pathToFileURL(join(folder, 'node_modules/@acme/x/lib/index.js')).href],
    ]);
  });

  it('gives a module of a folder another version when it is edited, and an installed one that of its package', async () => {
    const folderOfOwn = join(folder, 'edited');
    await mkdir(folderOfOwn);
    await writeFile(join(folderOfOwn, 'package.json'), '{"version": "1.0.0", "type": "module"}');
    const versionOf = async (more: string) => {
      writePlugin(join(folderOfOwn, `${more.length}.js`), `export default ${criterion('edited', more)};`);
      return (await load(`./edited/${more.length}.js`))[0]?.plugin.version;
    };
    const before = await versionOf('');
    expect(before).toMatch(/^1\.0\.0\+sha256-/);
    expect(await versionOf('scoringBytes: () => 1')).not.toBe(before);
    expect(await versionOf("version: '7'")).toBe('7');
    expect((await load('@acme/x'))[0]?.plugin.version).toBe('2.3.4');
  });

  it('takes what TypeScript compiles to CommonJS', async () => {
    await writeFile(
      join(folder, 'compiled.cjs'),
      `"use strict";
      Object.defineProperty(exports, "__esModule", { value: true });
      const plugin_1 = require(${JSON.stringify(resolve('dist/src/plugins/index.js'))});
      exports.default = (0, plugin_1.defineCriterion)({ id: 'compiled', summary: 'Scores.', needs: [],
        options: plugin_1.z.strictObject({}), score: ({ units }) => new Float32Array(units.length) });`,
    );
    const [entry] = await load('./compiled.cjs');
    expect(entry?.plugin.id).toBe('compiled');
    const address = {
      moduleUrl: entry?.moduleUrl.href ?? '',
      kind: 'criterion',
      id: 'compiled',
      version: undefined,
    } as const;
    expect((await loadPlugin(address)).id).toBe('compiled'); // as workers do
  });

  it('takes a list of plug-ins, each with its own version, or that of its package, or the digest of its module', async () => {
    const entries = await load('./two.mjs', '@acme/x');
    const digest = createHash('sha256')
      .update(readFileSync(join(folder, 'two.mjs')))
      .digest('hex');
    expect(entries.map(({ plugin: { id, version } }) => [id, version])).toEqual([
      ['two', `sha256-${digest.slice(0, 16)}`],
      ['three', '9.1'],
      ['of-package', '2.3.4'],
    ]);
  });

  it('finds the module of a folder by its package.json, or its index.js', async () => {
    const make = async (name: string, file: string, manifest?: object) => {
      await mkdir(join(folder, name));
      if (manifest !== undefined) await writeFile(join(folder, name, 'package.json'), JSON.stringify(manifest));
      writePlugin(join(folder, name, file), `export default ${criterion(name)};`);
    };
    await make('exporting', 'own.mjs', { name: 'exporting', version: '3.2.1', exports: './own.mjs' });
    await make('with-main', 'own.mjs', { main: 'own.mjs' });
    await make('bare', 'index.js', { type: 'module' });
    const entries = await load('./exporting', './with-main/', join(folder, 'bare'));
    expect(entries.map(({ plugin: { id } }) => id)).toEqual(['exporting', 'with-main', 'bare']);
    expect(entries[0]?.plugin.version).toMatch(/^3\.2\.1\+sha256-[0-9a-f]{16}$/);
    const [own] = await loadPlugins(['.'], { limitMs: 3_000, folder: join(folder, 'exporting'), remote: noProcesses });
    expect(own?.plugin.id).toBe('exporting');
    await writeFile(join(folder, 'exporting/package.json'), '{"name": "exporting", "exports": "./gone.mjs"}');
    await expect(load('./exporting')).rejects.toThrow(/the plug-in "\.\/exporting" cannot be read: ENOENT.*gone\.mjs/);
  });

  it.each([
    ['a file that is not there', './none.mjs', /"\.\/none\.mjs" cannot be read: ENOENT/],
    [
      'a folder without a package',
      './node_modules',
      /is a folder, and no package\.json in it names a module: .*node_modules\. Name the module itself/,
    ],
    [
      'a package that is not installed',
      '@acme/y',
      /"@acme\/y" cannot be found from .*: Cannot find package '@acme\/y'/,
    ],
    ['a module of Node', 'node:fs', /leads to node:fs, and only files are loaded/],
  ])('says what is wrong with %s', async (_, specifier, message) => {
    await expect(load(specifier)).rejects.toMatchObject({
      reason: 'PLUGIN_INVALID',
      message: expect.stringMatching(message) as string,
    });
  });

  it.each([
    ['throws while it is loaded', "throw new Error('no luck');", /cannot be loaded: no luck/],
    ['throws what is no error', "throw 'no luck';", /cannot be loaded: it throws no luck$/],
    [
      'never finishes loading',
      'await new Promise(() => setTimeout(() => {}, 60_000).unref());',
      /not loaded within 3 s/,
    ],
    [
      'throws what cannot be written as text',
      'throw { toString() { throw new Error(); } };',
      /cannot be loaded: it throws \{ toString/,
    ],
    [
      'exports nothing',
      'export const a = 1;',
      /its default export is no plug-in, but undefined: export as default what a define\.\.\. function gives, or a list/,
    ],
    [
      'exports a promise',
      `export default Promise.resolve(${criterion('odd')});`,
      /no plug-in, but a promise of something: /,
    ],
    [
      'exports a list in a list',
      `export default [[${criterion('odd')}]];`,
      /no plug-in, but a list inside of a list: /,
    ],
    ['exports a function', `export default () => ${criterion('odd')};`, /no plug-in, but a value of function: /],
    ['exports an empty list', 'export default [];', /its default export is an empty list/],
    [
      'has options that are not Zod',
      `export default { ...${criterion('odd')}, options: { safeParse: () => ({ success: true, data: {} }) } };`,
      /criterion "odd" is no plug-in that can be used: options: is not a Zod schema/,
    ],
    [
      'has options that JSON cannot express',
      `export default plugin.defineCriterion({ id: 'odd', summary: 'Scores.', needs: [], options: plugin.z.strictObject({ when: plugin.z.date() }), score: () => new Float32Array() });`,
      /criterion "odd" .*: options: Date cannot be represented/,
    ],
    [
      'lacks a method and a need',
      `export default { ...${criterion('odd')}, needs: ['weight'], score: 1 };`,
      /criterion "odd" .*: needs score\(\) and needs among weights, .*; or scoreModel\(\) and needs checkpoint/,
    ],
    [
      'is of a later interface',
      `export default { ...${criterion('odd')}, apiVersion: 2 };`,
      /apiVersion: is 2, and this server takes plug-ins of interface version 1/,
    ],
    [
      'has options that are no object',
      `export default { ...${criterion('odd')}, options: plugin.z.string() };`,
      /criterion "odd" .*: options: describes a value of type string: options are an object/,
    ],
    [
      'has an id that no request can name',
      `export default ${criterion('a'.repeat(129))};`,
      /id: has 129 characters, and at most 128 are allowed/,
    ],
    [
      'exports an instance of a class',
      `class Scoring { kind = 'criterion'; apiVersion = 1; id = 'odd'; summary = 'Scores.'; needs = []; options = plugin.z.strictObject({}); score() {} }
      export default new Scoring();`,
      /criterion "odd" .*: needs score\(\) and needs among weights, /,
    ],
    ['has no kind', `export default { ...${criterion('odd')}, kind: undefined };`, /kind: is not one of criterion, /],
    ['has an id that is not kebab-case', `export default ${criterion('Odd One')};`, /id: is not kebab-case/],
  ])('refuses a module that %s, by path and cause', async (name, body, message) => {
    const file = `./${name.replaceAll(' ', '-')}.mjs`;
    writePlugin(join(folder, file), body);
    const error = await load(file).then(
      () => new Error('was loaded'),
      (thrown: Error) => thrown,
    );
    expect(error).toMatchObject({ reason: 'PLUGIN_INVALID', message: expect.stringMatching(message) as string });
    expect(error.message).toContain(`the plug-in "${file}"`);
    expect(error.message).not.toContain('\n');
  });
});
