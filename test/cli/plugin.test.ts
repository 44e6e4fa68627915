import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePlugin } from '../support/fixture-plugins.js';
import { launchSpecifier, startRemotePlugin } from '../support/remote-plugin.js';
import { readJsonLines, runCli } from './run-cli.js';

let folder = '';
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'prunecast-plugin-')));
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (...words: string[]) => runCli(['plugin', ...words], { cwd: folder });
const readWritten = (file: string) => readFileSync(join(folder, 'largest-row', file), 'utf8');
const criterion = (id: string, score: string) =>
  `plugin.defineCriterion({ id: '${id}', summary: 'Scores.', needs: ['weights'], options: plugin.z.strictObject({}), score: ({ units }) => { ${score} } })`;
const GOOD = 'return Float32Array.from(units, ({ weights }) => weights[0][0]);';

describe('prunecast plugin new', () => {
  it('writes a package under the name of the plug-in, and proposes to run its tests', async () => {
    const { code, stdout, stderr } = await run('new', 'criterion', 'largest-row');
    expect([code, stdout]).toEqual([
      0,
      'largest-row/index.js\nlargest-row/index.test.js\nlargest-row/package.json\nlargest-row/README.md\n',
    ]);
    expect(stderr).toContain('cd largest-row && npm install && npm test');
    expect(JSON.parse(readWritten('package.json'))).toMatchObject({
      name: 'largest-row',
      type: 'module',
      scripts: { test: 'node --test' },
      dependencies: { prunecast: expect.stringMatching(/^\^\d+\.\d+\.\d+/) as string },
    });
    expect(readWritten('index.js')).toContain("id: 'largest-row'");
    for (const file of ['index.js', 'index.test.js', 'README.md'])
      expect(readWritten(file)).not.toMatch(/my-(plugin|kind)/);
  });

  it.each([
    [['predictor', 'Knn'], 1, /cannot be named "Knn": names are kebab-case, such as nearest-pairs/],
    [['predictor', '../knn'], 1, /cannot be named "\.\.\/knn": names are kebab-case/],
    [['predictor', 'ridge'], 1, /cannot be named "ridge": it is one of the built-in ones: .*ridge/],
    [['exporter', 'fs'], 1, /cannot be named "fs": there is a package or a module of this name/],
    [['sampler', 'knn'], 2, /criterion, compensation, evaluator, predictor, strategy, exporter, recovery/],
    [['predictor', 'full'], 1, /the folder .*\/full is not empty/],
    [['predictor', 'a-file'], 1, /a-file cannot be the folder of a plug-in: ENOTDIR/],
  ])('refuses %j', async (words, exitCode, message) => {
    mkdirSync(join(folder, 'full'), { recursive: true });
    writeFileSync(join(folder, 'full/notes.txt'), '');
    writeFileSync(join(folder, 'a-file'), '');
    const { code, stdout, stderr } = await run('new', ...words);
    expect([code, stdout]).toEqual([exitCode, '']);
    expect(stderr).toMatch(message);
  });
});

describe('prunecast plugin check', () => {
  it('tells each check of each plug-in of a module in a line, and ends with 0 if all passed', async () => {
    writePlugin(join(folder, 'good.mjs'), `export default [${criterion('one', GOOD)}, ${criterion('two', GOOD)}];`);
    const { code, stdout, stderr } = await run('check', './good.mjs');
    expect([code, stderr]).toEqual([0, '']);
    const lines = stdout.trim().split('\n');
    expect(lines.filter((line) => !line.startsWith('ok      '))).toEqual([
      expect.stringMatching(/^criterion one sha256-\w+: Scores\.$/),
      expect.stringMatching(/^criterion two sha256-\w+: Scores\.$/),
      'all 22 checks passed',
    ]);
  });

  it('tells why a check failed, and ends with 1; as JSON for programs', async () => {
    writePlugin(
      join(folder, 'bad.mjs'),
      `export default ${criterion('magnitude', 'return new Float32Array(units.length - 1);')};`,
    );
    const [text, json] = await Promise.all([run('check', './bad.mjs', '--quiet'), run('check', './bad.mjs', '--json')]);
    expect([text.code, json.code]).toEqual([1, 1]);
    expect(text.stdout).not.toMatch(/^ok/m);
    expect(text.stdout).toMatch(
      /^failed {2}has an id of its own .*\n {8}criterion "magnitude" is there 2 times, .*give it another id/m,
    );
    expect(text.stdout).toMatch(
      /^failed {2}gives one finite score per unit.*\n {8}1 units of kind ffn_channel need 1 scores/m,
    );
    expect(text.stderr).toMatch(/\d+ of 11 checks failed/);
    const lines = readJsonLines(json.stdout);
    expect(lines[0]).toMatchObject({ event: 'plugin', kind: 'criterion', id: 'magnitude' });
    expect(lines).toContainEqual({
      event: 'check',
      check: expect.stringMatching(/^gives one finite score/) as string,
      failure: expect.stringContaining('need 1 scores') as string,
    });
    expect(JSON.parse(json.stderr)).toMatchObject({
      error: { code: 'FAILED_PRECONDITION', reason: 'PLUGIN_INVALID', exit_code: 1 },
    });
  });

  it('says of a module that cannot be loaded what is wrong with it', async () => {
    const { code, stdout, stderr } = await run('check', './gone.mjs');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/the plug-in "\.\/gone\.mjs" cannot be read: ENOENT/);
  });

  it.each([
    ['is not there', './absent.mjs', /ENOENT.*absent\.mjs/, { specifier: './absent.mjs' }],
    [
      'throws',
      './throws.mjs',
      /cannot be loaded: no luck$/,
      { module: expect.stringMatching(/^\/.*throws\.mjs$/) as string },
    ],
    ['exports no plug-in', './none.mjs', /none\.mjs"/, {}],
    ['ends the process', './leaves.mjs', /ended the process with exit code 0/, { specifiers: './leaves.mjs' }],
  ])('gives programs the reason for a module that %s', async (_, file, message, metadata) => {
    writeFileSync(join(folder, 'throws.mjs'), "throw new Error('no luck');");
    writeFileSync(join(folder, 'none.mjs'), 'export default 5;');
    writeFileSync(join(folder, 'leaves.mjs'), 'process.exit(0);');
    const { code, stdout, stderr } = await run('check', file, '--json');
    expect([code, stdout]).toEqual([1, '']);
    const { error } = JSON.parse(stderr) as { readonly error: object };
    expect(error).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'PLUGIN_INVALID',
      message: expect.stringMatching(message) as string,
      metadata,
      exit_code: 1,
    });
  });

  it.each([
    ['never ends', 'for (;;);', /did not end within 10 s; what comes after it was not checked$/m],
    [
      'ends the process',
      'process.exit(0);',
      /ended the process with exit code 0; what comes after it was not checked$/m,
    ],
  ])('finds out a method that %s', async (name, score, message) => {
    const file = `./${name.replaceAll(' ', '-')}.mjs`;
    writePlugin(join(folder, file), `export default ${criterion('one', score)};`);
    const { code, stdout } = await run('check', file, '--limit', '10');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^failed {2}gives one finite score per unit/m);
    expect(stdout).toMatch(message);
  });

  it('finds out a module that ends the process as it is loaded', async () => {
    writeFileSync(join(folder, 'leaving.mjs'), 'process.exit(0);');
    const { code, stderr } = await run('check', './leaving.mjs');
    expect(code).toBe(1);
    expect(stderr).toContain('loading ./leaving.mjs ended the process with exit code 0');
  });

  it('runs the kit over a plug-in in a process of its own, launched or attached', async () => {
    await using attached = await startRemotePlugin('127.0.0.1:0', { faults: { nan: true } });
    const [launched, wrong] = await Promise.all([
      run('check', launchSpecifier()),
      run('check', `grpc://${attached.address.replace(/^grpc:\/\//, '')}`),
    ]);
    expect([launched.code, launched.stderr]).toEqual([0, '']);
    expect(launched.stdout).toMatch(/^predictor nearest 1\.0: /);
    expect(launched.stdout).toMatch(/^ok {6}has intervals that cover/m);
    expect(wrong.code).toBe(1);
    expect(wrong.stdout).toMatch(/^failed {2}gives one finite mean per row/m);
  });

  it('runs the kit of each kind over a process: those that read a checkpoint get the demo model', async () => {
    const [good, wrong, repeating] = await Promise.all([
      run('check', launchSpecifier({ offer: ['strategy', 'evaluator', 'criterion'] })),
      run('check', launchSpecifier({ offer: ['evaluator', 'criterion'], nan: true, flood: 'Score' })),
      run('check', launchSpecifier({ offer: ['strategy'], flood: 'Run' })),
    ]);
    expect([good.code, good.stderr]).toEqual([0, '']);
    expect(good.stdout).toMatch(
      /^strategy climb 1\.0: [^]*^evaluator tensor-sizes 1\.0: [^]*^criterion cut-off 1\.0: /m,
    );
    expect(good.stdout).toMatch(/^ok {6}proposes the best first/m);
    expect(good.stdout).toMatch(/^ok {6}makes finite metrics of what is observed/m);
    expect(good.stdout).toMatch(/^ok {6}gives each group of the model once, one finite score per unit/m);
    expect(wrong.code).toBe(1);
    expect(wrong.stdout).toMatch(/^failed {2}makes finite metrics of what is observed/m);
    expect(wrong.stdout).toMatch(/^failed {2}gives each group of the model once/m);
    expect(repeating.code).toBe(1);
    expect(repeating.stdout).toMatch(
      /^failed {2}asks about distinct points.*\n {8}strategy "climb": ask\(\) answered question 1 again/m,
    );
  });

  it('tries an evaluator of rows on the rows that it is given, with options', async () => {
    writeFileSync(
      join(folder, 'questions.jsonl'),
      Array.from({ length: 6 }, (_, index) => `{"query": "${index} + 1 =", "options": ["a", "b"], "gold": 0}\n`).join(
        '',
      ),
    );
    const built = new URL('../../dist/src/plugins/evaluators/multiple-choice.js', import.meta.url).href;
    writeFileSync(
      join(folder, 'questions.mjs'),
      `import plugin from '${built}'; export default { ...plugin, overrides: true };`,
    );
    const words = ['check', './questions.mjs', '--json'];
    const [without, wrong, given] = await Promise.all([
      run(...words),
      run(...words, '--rows', 'questions.jsonl'),
      run(...words, '--rows', 'questions.jsonl', '--option', 'choices=options'),
    ]);
    expect([without.code, wrong.code, given.code]).toEqual([0, 1, 0]);
    expect(readJsonLines(without.stdout)).toHaveLength(5);
    expect(readJsonLines(given.stdout).length).toBeGreaterThan(10);
    expect(wrong.stdout).toContain('choices');
  });
});

const RUNS_TYPESCRIPT = Boolean((process.features as { readonly typescript?: unknown }).typescript);

/** What is wrong, the file, its text, and how the message ends. */
const UNLOADABLE: readonly (readonly [string, string, string, RegExp])[] = [
  [
    'has a syntax error',
    'open.mjs',
    'export default {\n  a: 1,,\n};\n',
    /Unexpected token ',' \(line 2 of \/.*open\.mjs\)$/,
  ],
  [
    'imports a module with a syntax error',
    'importing.mjs',
    "import './open.mjs';\nexport default {};\n",
    /Unexpected token ',' \(line 2 of \/.*open\.mjs\)$/,
  ],
  [
    'exports two modules as default, in a folder without a package.json',
    'twice.js',
    'const a = 1;\nexport default 5; export { a as default };\n',
    /Duplicate export of 'default' \(line 2 of \/.*twice\.js\)$/,
  ],
  [
    'needs a package that is not installed',
    'lacking.mjs',
    "import 'not-installed';",
    /Cannot find package 'not-installed' imported from \/.*lacking\.mjs$/,
  ],
  [
    'asks for a name that there is not',
    'wrong.mjs',
    "import { opne } from 'node:fs';",
    /The requested module 'node:fs' does not provide an export named 'opne' \(line 1 of \/.*wrong\.mjs\)$/,
  ],
  ['throws', 'throwing.mjs', "throw new Error('no luck');", /no luck$/],
  [
    'is TypeScript, which this Node does not run',
    'typed.ts',
    'export const id: string = "typed";',
    /Unknown file extension "\.ts" for \/.*typed\.ts\. Node [\d.]+ does not run TypeScript, Node 22\.18 and later do; or compile it \(npx tsc .*\) and name the \.js file$/,
  ],
];

describe('a plug-in that cannot be loaded', () => {
  it.each(UNLOADABLE.filter(([, file]) => !(RUNS_TYPESCRIPT && file.endsWith('.ts'))))(
    'keeps a server from starting, in one line, if it %s',
    async (_, file, text, cause) => {
      writeFileSync(join(folder, file), text);
      const { code, stdout, stderr } = await runCli(['serve', '--plugin', `./${file}`, '--log-level', 'silent'], {
        cwd: folder,
        environment: { PRUNECAST_STATE_DIRECTORY: join(folder, 'state') },
      });
      expect([code, stdout]).toEqual([1, '']);
      const [line = ''] = stderr.split('\n');
      expect(line).toContain(`the plug-in "./${file}" cannot be loaded: `);
      expect(line).toMatch(cause);
    },
  );
});

it('a server that a plug-in ends as it is loaded says which one it was', async () => {
  writeFileSync(join(folder, 'exiting.mjs'), 'process.exit(3);');
  const { code, stderr } = await runCli(['serve', '--plugin', './exiting.mjs', '--log-level', 'silent'], {
    cwd: folder,
    environment: { PRUNECAST_STATE_DIRECTORY: join(folder, 'state') },
  });
  expect(code).toBe(1);
  expect(stderr).toBe(
    'the process was ended while the plug-in "./exiting.mjs" was loaded\nprunecast: the server ended with exit code 3\n',
  );
});

it.runIf(RUNS_TYPESCRIPT)('a plug-in in TypeScript is loaded where Node runs it', async () => {
  writePlugin(join(folder, 'typed.ts'), `const id: string = 'typed';\nexport default ${criterion('typed', GOOD)};`);
  expect((await run('check', './typed.ts')).code).toBe(0);
});
