import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAMILIES } from '../src/engine/families/find-family.js';
import { SLOW_FILES } from './support/slow-first.js';

const src = resolve(import.meta.dirname, '../src');

/** What the files of a folder may import; the longest matching folder counts. Packages by name, `node:` for all of Node. */
interface Rule {
  /** Folders and files under src, without `.ts`. */
  readonly own: readonly string[];
  /** undefined for any. */
  readonly packages?: readonly string[];
}

const ML = ['ml-xgboost', 'ml-random-forest', 'ml-matrix'];
const OPEN_TELEMETRY = [
  '@opentelemetry/api',
  '@opentelemetry/exporter-trace-otlp-grpc',
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/exporter-trace-otlp-proto',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace-node',
];
const PLUGIN_API = ['core', 'plugins/define'];

const RULES: Readonly<Record<string, Rule>> = {
  core: { own: ['core'], packages: [] },
  search: { own: ['core', 'search', 'words/format'], packages: [] },
  'search/objectives': { own: ['core', 'search/objectives'], packages: [] },
  'search/controls': { own: ['core', 'search/controls'], packages: [] },
  'search/fit': { own: ['core', 'search/fit'], packages: [] },
  'search/study': { own: ['core', 'search/fit', 'search/objectives', 'search/study'], packages: [] },
  'search/sampling': { own: ['core', 'search/objectives', 'search/sampling', 'search/study'], packages: [] },
  'onnx-runtime': { own: ['onnx-runtime'], packages: ['node:', 'onnxruntime-node'] },
  'state-folder': { own: ['state-folder'], packages: ['node:'] },
  'plugin-host': { own: ['core', 'plugin-host'], packages: ['node:', 'zod'] },
  'remote-plugins': { own: ['core', 'gen', 'remote-plugins'], packages: ['node:', '@grpc/grpc-js', 'zod'] },
  engine: {
    own: ['core', 'engine', 'gen/onnx', 'onnx-runtime', 'plugin-host'],
    packages: ['node:', '@huggingface/tokenizers'],
  },
  'engine/texts': {
    own: ['core', 'engine/files', 'engine/texts'],
    packages: ['node:', 'csv-parse', 'hyparquet', 'hyparquet-compressors'],
  },
  plugins: { own: ['core', 'plugins'], packages: ['zod'] },
  'plugins/define': { own: ['core'], packages: ['zod'] },
  'plugins/index': { own: PLUGIN_API, packages: ['zod'] },
  'plugins/predictors': {
    own: [...PLUGIN_API, 'onnx-runtime', 'plugins/predictors'],
    packages: ['node:', 'zod', ...ML],
  },
  'plugins/strategies': { own: [...PLUGIN_API, 'plugins/strategies'], packages: ['zod'] },
  'plugins/criteria': { own: [...PLUGIN_API, 'engine', 'plugins/criteria'], packages: ['node:', 'zod'] },
  'plugins/compensations': { own: [...PLUGIN_API, 'engine', 'plugins/compensations'], packages: ['node:', 'zod'] },
  'plugins/evaluators': { own: [...PLUGIN_API, 'engine', 'plugins/evaluators'], packages: ['node:', 'zod'] },
  'plugins/exporters': { own: [...PLUGIN_API, 'engine', 'plugins/exporters'], packages: ['node:', 'zod'] },
  // Exports are read back with the engine's own reader, and compared with what it computes.
  'plugins/testing': {
    own: [
      'core',
      'engine/checkpoint',
      'engine/families',
      'engine/files/digest',
      'engine/open-language-model',
      'plugin-host',
      'plugins/testing',
    ],
    packages: ['node:'],
  },
  // How numbers and states are written; the browser has it too.
  words: { own: ['gen/prunecast', 'words'], packages: [] },
  'words/format': { own: [], packages: [] },
  'words/quantities': { own: [], packages: [] },
  // What can be said on the command line; a value that a flag refuses is an error of commander's.
  flags: { own: ['core/errors', 'core/model/unit-bitmap', 'flags'], packages: ['node:', 'commander'] },
  charts: { own: ['charts'], packages: [] },
  // Runs in browsers alone.
  'charts/browser': { own: ['charts', 'words/format'], packages: ['@observablehq/plot'] },
  report: {
    own: ['charts/chart', 'charts/measure-interval', 'gen', 'report', 'words'],
    packages: ['node:'],
  },
  dashboard: {
    own: ['charts/chart', 'charts/measure-interval', 'dashboard', 'words/format'],
    packages: [],
  },
  // Runs in browsers alone.
  'dashboard/browser': { own: ['charts', 'dashboard', 'words/format'], packages: ['eventsource-parser'] },
  server: {
    own: [
      'core',
      'search',
      'engine',
      'onnx-runtime',
      'plugin-host',
      'plugins',
      'remote-plugins',
      'server',
      'state-folder',
      'gen',
      'words/quantities',
    ],
  },
  'server/requests': {
    own: ['core', 'search', 'plugins', 'gen', 'server/requests'],
    packages: ['node:', '@bufbuild/protobuf', 'zod'],
  },
  'server/adapters': {
    own: ['core', 'engine/files', 'server/adapters', 'server/records/create-id', 'state-folder'],
    packages: ['node:', '@bufbuild/protobuf', ...OPEN_TELEMETRY, 'kysely', 'libsql', 'pino', 'prom-client', 'zod'],
  },
  'server/testing': { own: ['core', 'server/adapters/in-memory', 'server/testing'], packages: ['node:'] },
  'server/labels': { own: ['core', 'server/encoding', 'server/labels'], packages: [] },
  // Bytes in, events out: of a server it knows the ports alone.
  'server/jobs': { own: ['core', 'server/jobs'], packages: ['node:', 'pino'] },
  'server/errors': {
    own: ['core', 'gen/google', 'server/errors', 'server/records/create-id'],
    packages: ['pino'],
  },
  'server/kinds': {
    own: ['core', 'gen', 'server/errors', 'server/jobs', 'server/kinds', 'server/records'],
    packages: ['node:', 'pino'],
  },
  // A report says how to repeat a study: in the flags of the command line, by their own tables.
  'server/reports': {
    own: ['core', 'flags', 'gen', 'report', 'server', 'words'],
    packages: ['node:', '@bufbuild/protobuf'],
  },
  // Decode, one call, encode: nothing of the engine, of the search or of a plug-in.
  'server/rpc': {
    own: ['core', 'gen', 'server', 'state-folder'],
    packages: ['node:', '@bufbuild/protobuf', '@grpc/grpc-js', 'pino'],
  },
  // Another way to the handlers of the API: it knows nothing of what they do.
  'server/dashboard': {
    own: [
      'core',
      'gen/google',
      'report/page-style',
      'server/config',
      'server/dashboard',
      'server/errors',
      'server/rpc/api-calls',
      'server/tls',
    ],
    packages: ['node:', '@bufbuild/protobuf', 'pino'],
  },
  'server/rpc/interceptors': {
    own: ['core', 'gen/google', 'server/errors', 'server/rpc/interceptors'],
    packages: ['node:', '@grpc/grpc-js', 'pino'],
  },
  client: { own: ['gen', 'core/errors', 'core/model/unit-bitmap', 'client', 'state-folder'] },
  cli: { own: ['gen', 'core/errors', 'client', 'cli', 'flags', 'state-folder', 'words'] },
  gen: { own: ['gen'], packages: ['node:', '@bufbuild/protobuf', '@grpc/grpc-js', 'long'] },
};

/** Who alone may import a package. */
const RESERVED: Readonly<Record<string, readonly string[]>> = {
  inversify: [
    'server/bind-services',
    'server/compose',
    'server/index',
    'server/job-kinds',
    'server/provide',
    'server/start-server',
    'server/tokens',
  ],
  '@grpc/grpc-js': ['server/rpc', 'client', 'gen', 'remote-plugins'],
  'onnxruntime-node': ['onnx-runtime'],
  libsql: ['server/adapters/sqlite'],
  '@observablehq/plot': ['charts/browser'],
  kysely: ['server/adapters/sqlite'],
  'prom-client': ['server/adapters/prometheus'],
  ...Object.fromEntries(OPEN_TELEMETRY.map((name) => [name, ['server/adapters/opentelemetry']])),
};

/** Who alone, beside itself, may import a folder of the server. */
const IMPORTED_BY: Readonly<Record<string, readonly string[]>> = {
  'server/rpc': [
    'server/bind-services',
    'server/compose',
    'server/dashboard',
    'server/job-kinds',
    'server/parts',
    'server/start-server',
  ],
  'server/dashboard': ['server/start-server'],
  'server/adapters': ['server/compose', 'server/doctor', 'server/main', 'server/state-tools', 'server/testing'],
};

/** The folders of the engine from the lowest floor to the highest: each imports only those before it. */
const ENGINE_FLOORS: readonly string[] = [
  'simd',
  'files',
  'config',
  'families',
  'checkpoint',
  'surgery',
  'texts',
  'quantisation',
  'graph',
  'calibration',
  'weights',
  'forward',
  'compensation',
  'gradients',
  'recovery',
  'latency',
  'ranking',
  'runtime',
  'workers',
  'lanes',
  'tokenizer',
];

interface Import {
  readonly file: string;
  /** Own: a path under src, without its ending. Package: its name, `node:` for all of Node. */
  readonly target: string;
  readonly isOwn: boolean;
}

const imports = listFiles().flatMap((file) => readImports(file));

describe('the sources', () => {
  it('import along the arrows only', () => {
    expect(imports.length).toBeGreaterThan(500);
    const wrong = imports.filter(({ file, target, isOwn }) => {
      const folder = Object.keys(RULES)
        .filter((candidate) => isUnder(file, candidate))
        .sort((a, b) => b.length - a.length)[0];
      const rule = folder === undefined ? undefined : RULES[folder];
      if (!rule) return true;
      return isOwn
        ? !rule.own.some((own) => isUnder(target, own))
        : rule.packages !== undefined && !rule.packages.includes(target);
    });
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it('have no import cycle', () => {
    const edges = imports.flatMap(({ file, target, isOwn }) => (isOwn ? [[file.replace(/\.ts$/, ''), target]] : []));
    expect(findCyclic(edges)).toEqual([]);
  });

  it('have no two folders that import each other, directly or by way of others', () => {
    expect(findCyclic(listFolderEdges())).toEqual([]);
  });

  it('of the engine import from lower floors only', () => {
    const wrong = imports.filter(({ file, target }) => {
      const [from, to] = [file, target].map((path) => /^engine\/([^/]+)\//.exec(path)?.[1]);
      return from !== undefined && to !== undefined && ENGINE_FLOORS.indexOf(to) > ENGINE_FLOORS.indexOf(from);
    });
    expect(wrong.map(describeImport)).toEqual([]);
    const folders = readdirSync(join(src, 'engine'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect([...ENGINE_FLOORS].sort()).toEqual(folders.map(({ name }) => name).sort());
  });

  it('name a model family in its own file only', () => {
    const families = FAMILIES.flatMap(({ id, architecture }) => [id, architecture]);
    const named = new RegExp(`\\b(?:${families.join('|')})\\b(?!\\.cpp|-cpp|-cli|-server)`, 'i');
    // llama.cpp names tokenizers after the families that first had them.
    const tokenizers = new Set(
      ['describe-tokenizer.ts', 'name-pre-tokenizer.ts'].map((file) => `plugins/exporters/gguf/${file}`),
    );
    const files = listFiles().filter((file) => !isUnder(file, 'engine/families') && !tokenizers.has(file));
    expect(named.test(readCode('engine/families/window-layers.ts'))).toBe(false); // only its comments do
    expect(named.test(readCode('engine/families/ministral.ts'))).toBe(true);
    expect(files.filter((file) => named.test(readCode(file)))).toEqual([]);
  });

  it('of the search and the domain reach no plug-in and nothing that loads one, however many imports away', () => {
    const files = listFiles().filter((file) => isUnder(file, 'search') || isUnder(file, 'core'));
    expect(files.length).toBeGreaterThan(100);
    const reached = listReached(files);
    // What a strategy is and what asks it are among them; the strategies that there are, are not.
    expect(reached).toEqual(
      expect.arrayContaining(['core/ports/strategy', 'search/phases/search/propose-candidates', 'search/machine']),
    );
    expect(reached.filter(isOfPlugins)).toEqual([]);
    expect(files.filter((file) => /\bimport\(|\bcreateRequire\b/.test(readCode(file)))).toEqual([]);

    const wrong = { file: 'core/ports/strategy.ts', target: 'plugins/strategies/random', isOwn: true };
    const found = listReached(files, [...imports, wrong]).filter(isOfPlugins);
    expect(found).toEqual(expect.arrayContaining(['plugins/strategies/random', 'plugins/define']));
  });

  it('load modules that are not their own in one place, from which plug-ins of local files come', () => {
    const loading = listFiles().filter((file) => /\bimport\((?!\s*['"])/.test(readCode(file)));
    expect(loading).toEqual(['plugin-host/import-plugins.ts']);
    const importers = imports.flatMap(({ file, target }) => (target === 'plugin-host/import-plugins' ? [file] : []));
    expect(importers).toContain('server/plugins/load-plugins.ts');
    expect(importers.filter((file) => isUnder(file, 'search') || isUnder(file, 'core'))).toEqual([]);
  });

  it('keep packages with one home in it', () => {
    const wrong = imports.filter(
      ({ file, target, isOwn }) =>
        !isOwn && RESERVED[target] !== undefined && !RESERVED[target].some((home) => isUnder(file, home)),
    );
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it('leave the command line to itself: what others use of it has a folder of its own', () => {
    const wrong = imports.filter(({ file, target, isOwn }) => isOwn && isUnder(target, 'cli') && !isUnder(file, 'cli'));
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it('of the server leave the folders alone that only its composition may know', () => {
    const wrong = imports.filter(({ file, target, isOwn }) =>
      Object.entries(IMPORTED_BY).some(
        ([folder, importers]) =>
          isOwn && isUnder(target, folder) && ![folder, ...importers].some((home) => isUnder(file, home)),
      ),
    );
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it('load ONNX Runtime and start threads in one place, which keeps its telemetry off', () => {
    const root = resolve(src, '..');
    const sources = ['src', 'bench', 'test', 'scripts'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((file) => /\.m?[jt]s$/.test(file))
        .map((file) => `${folder}/${file.replaceAll('\\', '/')}`),
    );
    const elsewhere = sources.filter(
      (file) => !/^(?:src|test)\/onnx-runtime\//.test(file) && file !== 'test/architecture.test.ts',
    );
    expect(elsewhere.length).toBeGreaterThan(300);
    expect(
      elsewhere.filter((file) => /onnxruntime-node|new Worker\(/.test(readFileSync(join(root, file), 'utf8'))),
    ).toEqual([]);
  });

  it('are looked through for cycles of any length', () => {
    expect(
      findCyclic([
        ['a', 'b'],
        ['b', 'c'],
        ['c', 'b'],
        ['d', 'd'],
        ['c', 'e'],
      ]),
    ).toEqual(['b', 'c', 'd']);
  });

  it('read every form of import, types included', () => {
    expect(
      targetsOf(
        "import a from './a.js';\nimport type { B } from \"../b.js\";\nexport * from 'c';\nimport {\n  d,\n} from '@e/f/g';\nconst h = await import('h');\nimport 'i';\nnew Worker(new URL('./j.js', import.meta.url));",
      ),
    ).toEqual(['./a.js', '../b.js', 'c', '@e/f/g', 'h', 'i']);
  });
});

describe('ARCHITECTURE.md', () => {
  it('names only files and folders that exist', () => {
    const root = resolve(src, '..');
    const page = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
    const named = [...page.matchAll(/`((?:src|proto|test|docs|templates)\/[\w./-]+)`|\]\(([\w./-]+)\)/g)].map(
      ([, path, link]) => path ?? link ?? '',
    );
    expect(named.length).toBeGreaterThan(40);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('names every folder of the server', () => {
    const page = readFileSync(resolve(src, '../ARCHITECTURE.md'), 'utf8');
    const folders = readdirSync(join(src, 'server'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => `src/server/${name}`).filter((folder) => !page.includes(folder))).toEqual([]);
  });
});

describe('a plug-in author', () => {
  it('loads no native module by importing the plug-in API, the conformance kits or a predictor', () => {
    const dist = resolve(import.meta.dirname, '../dist/src/plugins');
    const modules = [
      'index.js',
      'testing/index.js',
      ...readdirSync(join(dist, 'predictors'))
        .filter((file) => file.endsWith('.js'))
        .map((file) => `predictors/${file}`),
    ];
    expect(modules.length).toBeGreaterThan(2);
    const script = `for (const module of ${JSON.stringify(modules)}) await import(${JSON.stringify(`file://${dist}/`)} + module);
      console.log(JSON.stringify(process.report.getReport().sharedObjects.filter((path) => path.endsWith('.node'))));`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(JSON.parse(output)).toEqual([]);
  });
});

describe('a thread', () => {
  it.each(['engine/workers/model-worker.js', 'server/predictors/predictor-worker.js'])(
    'begins without schemas, which take a third of its start, as long as it has no plug-in: %s',
    (worker) => {
      const open = [resolve(import.meta.dirname, '../dist/src', worker)];
      const loaded = new Set(open);
      for (let file = open.pop(); file !== undefined; file = open.pop())
        for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(
          /^(?:import |export |} from )(?:.* from )?"(.+)";$/gm,
        )) {
          const found = target.startsWith('.') ? resolve(dirname(file), target) : target;
          if (target.startsWith('.') && !loaded.has(found)) open.push(found);
          loaded.add(found);
        }
      expect(loaded.size).toBeGreaterThan(10);
      expect(loaded).not.toContain('zod');
    },
  );
});

describe('the order of the tests', () => {
  it('begins with files that exist, each named once', () => {
    const root = resolve(import.meta.dirname, '..');
    expect(SLOW_FILES.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    expect(new Set(SLOW_FILES).size).toBe(SLOW_FILES.length);
  });
});

/** What can be reached from itself. */
function findCyclic(edges: readonly (readonly string[])[]): string[] {
  const targets = new Map<string, string[]>();
  for (const [from = '', to = ''] of edges) targets.set(from, [...(targets.get(from) ?? []), to]);
  const reaches = (from: string): boolean => {
    const seen = new Set<string>();
    const open = [...(targets.get(from) ?? [])];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (next === from) return true;
      if (!seen.has(next)) open.push(...(targets.get(next) ?? []));
      seen.add(next);
    }
    return false;
  };
  return [...targets.keys()].filter(reaches).sort();
}

/**
 * The imports between neighbours. Neighbours are two folders in one folder, each with all that is below it, or a folder
 * in another and the files that lie directly in that other.
 */
function listFolderEdges(): [from: string, to: string][] {
  return imports
    .filter(({ isOwn }) => isOwn)
    .map(({ file, target }): [string, string] => {
      const [from, to] = [file.replace(/\.ts$/, '').split('/'), target.split('/')];
      let shared = 0;
      while (shared < Math.min(from.length, to.length) - 1 && from[shared] === to[shared]) shared += 1;
      const neighbour = (path: string[]): string => path.slice(0, Math.min(shared + 1, path.length - 1)).join('/');
      return [neighbour(from), neighbour(to)];
    })
    .filter(([from, to]) => from !== to);
}

/** The sources below `src`. */
function listFiles(): string[] {
  return readdirSync(src, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.ts'));
}

/** These files and all that they import, directly or by way of others, without their endings. */
function listReached(files: readonly string[], among: readonly Import[] = imports): string[] {
  const targets = new Map<string, string[]>();
  for (const { file, target, isOwn } of among) {
    const from = file.replace(/\.ts$/, '');
    if (isOwn) targets.set(from, [...(targets.get(from) ?? []), target]);
  }
  const reached = new Set(files.map((file) => file.replace(/\.ts$/, '')));
  // A set that grows is walked to its new end.
  for (const path of reached) for (const target of targets.get(path) ?? []) reached.add(target);
  return [...reached];
}

/** A plug-in, or what loads, checks, calls or lists plug-ins. */
function isOfPlugins(path: string): boolean {
  return ['plugins', 'plugin-host', 'remote-plugins', 'server'].some((folder) => isUnder(path, folder));
}

/** The text of a source without its comments. */
function readCode(file: string): string {
  return readFileSync(join(src, file), 'utf8').replaceAll(/\/\*[^]*?\*\/|(?<=^|\s)\/\/[^\n]*/g, '');
}

function readImports(file: string): Import[] {
  return targetsOf(readFileSync(join(src, file), 'utf8')).map((target) => {
    if (!target.startsWith('.'))
      return {
        file,
        isOwn: false,
        target: target.startsWith('node:')
          ? 'node:'
          : target
              .split('/')
              .slice(0, target.startsWith('@') ? 2 : 1)
              .join('/'),
      };
    return {
      file,
      isOwn: true,
      target: relative(src, resolve(src, dirname(file), target))
        .replaceAll('\\', '/')
        .replace(/\.js$/, ''),
    };
  });
}

function targetsOf(source: string): string[] {
  const pattern = /^\s*(?:import|export)\s(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;
  return [...source.matchAll(pattern)].map(([, fixed, lazy]) => fixed ?? lazy ?? '');
}

function isUnder(path: string, folder: string): boolean {
  const bare = path.replace(/\.ts$/, '');
  return bare === folder || bare.startsWith(`${folder}/`);
}

function describeImport({ file, target }: Import): string {
  return `${file} imports ${target}`;
}
