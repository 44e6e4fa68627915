import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CONFIG_SCHEMA, explainConfig, loadConfig } from '../../../src/server/config/config.js';
import { gatherSettings } from '../../../src/server/config/gather-settings.js';
import { environmentName } from '../../../src/server/config/setting-variables.js';

/** Values of settings whose text has a form of its own; the file, the environment and the flag give one each. */
const SAMPLES: Readonly<Record<string, readonly [unknown, unknown, unknown]>> = {
  listen: [['127.0.0.1:1'], ['127.0.0.1:2', 'unix:/b.sock'], ['127.0.0.1:3']],
  dashboard: ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3'],
  metricsListen: ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3'],
  healthListen: [['127.0.0.1:1'], ['127.0.0.1:2', '127.0.0.1:4'], ['127.0.0.1:3']],
  socketMode: ['0600', '0660', '0666'],
};

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunecast-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(text: string | Uint8Array, name = 'prunecast.yaml'): Promise<string> {
  await writeFile(join(folder, name), text);
  return join(folder, name);
}

/** What a file is refused with. */
async function refuse(text: string | Uint8Array): Promise<string> {
  const path = await write(text);
  const refusal = await Promise.resolve()
    .then(() => loadConfig({ PRUNECAST_CONFIG: path }))
    .then(
      () => 'nothing',
      (error: unknown) => (error as Error).message,
    );
  return refusal.replaceAll(path, 'FILE');
}

function samplesOf(name: string, schema: z.ZodType): readonly [unknown, unknown, unknown] {
  const given = SAMPLES[name];
  if (given !== undefined) return given;
  const { type, enum: values, minimum = 0 } = z.toJSONSchema(schema, { io: 'input' });
  if (values !== undefined) return [values[0], values[1], values.at(-1)];
  if (type === 'integer' || type === 'number') return [minimum, minimum + 1, minimum + 2];
  if (type === 'boolean') return [true, false, true];
  const texts = ['/a', '/b', '/c'] as const;
  const names = ['a', 'b', 'c'] as const;
  if (type !== 'array') return texts;
  return schema.safeParse(['/a']).success ? [['/a'], ['/b', '/bb'], ['/c']] : [[names[0]], [names[1]], [names[2]]];
}

const SETTINGS = Object.entries(CONFIG_SCHEMA.shape).map(([name, schema]) => ({ name, schema }));
const asText = (value: unknown) => (Array.isArray(value) ? JSON.stringify(value) : String(value));

describe('every setting', () => {
  it.each(SETTINGS)('$name can be set by file, variable, flag and program, each over those before', async (setting) => {
    const { name, schema } = setting;
    const [inFile, inEnvironment, inFlag] = samplesOf(name, schema);
    const variable = environmentName(name);
    const path = await write(`# settings\n${JSON.stringify(name)}: ${JSON.stringify(inFile)}\n`);
    const gather = (environment: Record<string, string>, options = {}) => {
      const { given, faults } = gatherSettings(
        CONFIG_SCHEMA.shape,
        { PRUNECAST_CONFIG: path, ...environment },
        options,
      );
      expect(faults).toEqual([]);
      return given.get(name);
    };
    expect(gather({})).toEqual({ value: inFile, source: { from: 'file', where: `${path}:2` } });
    expect(gather({ [variable]: asText(inEnvironment) })).toEqual({
      value: inEnvironment,
      source: { from: 'environment', where: variable },
    });
    const flags = { [variable]: asText(inFlag), PRUNECAST_FLAGS: JSON.stringify({ [variable]: '--the-flag' }) };
    expect(gather(flags)).toEqual({ value: inFlag, source: { from: 'flag', where: '--the-flag' } });
    expect(gather(flags, { [name]: inFile })).toEqual({ value: inFile, source: { from: 'program', where: '' } });
  });

  it.each(SETTINGS)('$name of a wrong type is refused, wherever it stands, by its place', async ({ name, schema }) => {
    const isText = z.toJSONSchema(schema, { io: 'input' }).type === 'string';
    const variable = environmentName(name);
    const isFree = schema.safeParse('{').success; // any text is a path
    const path = await write(`${name}: ${isText ? '{a: 1}' : 'no such thing'}`);
    const { faults } = gatherSettings(
      CONFIG_SCHEMA.shape,
      { PRUNECAST_CONFIG: path, ...(!isFree && { [variable]: '["{' }) },
      { [name]: Symbol('wrong') },
    );
    expect(faults.map((fault) => fault.split('): ')[0])).toEqual(
      [`${name} (${path}:1`, ...(isFree ? [] : [`${name} (${variable}`]), `${name} (${name}`].map((place) =>
        expect.stringContaining(place),
      ),
    );
  });
});

describe('a file of settings', () => {
  it('counts below the environment and options, and the defaults below it', async () => {
    const path = await write('threads: 3\nconcurrentJobs: 4\nkeptEvents: 5000\n');
    const { config, sources } = explainConfig(
      { PRUNECAST_CONFIG: path, PRUNECAST_CONCURRENT_JOBS: '5' },
      { keptEvents: 6000 },
    );
    expect(config).toMatchObject({ threads: 3, concurrentJobs: 5, keptEvents: 6000, logLevel: 'info' });
    expect(sources).toMatchObject({
      threads: { from: 'file', where: `${path}:1` },
      concurrentJobs: { from: 'environment', where: 'PRUNECAST_CONCURRENT_JOBS' },
      keptEvents: { from: 'program' },
      logLevel: { from: 'default', where: '' },
    });
    expect(sources.memoryBudgetBytes.where).toMatch(/^70 % of .* GiB/);
  });

  it('may be JSON, with a mark of the byte order, or empty', async () => {
    const json = await write('\uFEFF{"threads": 3,\n\t"logLevel": "warn"}', 'prunecast.json');
    expect(loadConfig({ PRUNECAST_CONFIG: json })).toMatchObject({ threads: 3, logLevel: 'warn' });
    expect(loadConfig({ PRUNECAST_CONFIG: await write('# nothing yet\n') }).logLevel).toBe('info');
  });

  it('has paths that start at its folder, and leaves hosts, packages, commands and the home folder alone', async () => {
    const path = await write(
      [
        'modelRoots: [models, /elsewhere, ~/models]',
        'outputRoot: ../outputs',
        'listen: ["127.0.0.1:0", "unix:run/own.sock", "unix:/run/p.sock"]',
        'plugins: [./knn.js, knn, "exec:python ./knn.py", unix:knn.sock, "grpc://host:1"]',
      ].join('\n'),
    );
    expect(loadConfig({ PRUNECAST_CONFIG: path, PRUNECAST_DATA_ROOTS: 'texts' })).toMatchObject({
      modelRoots: [join(folder, 'models'), '/elsewhere', join(homedir(), 'models')],
      outputRoot: join(folder, '../outputs'),
      dataRoots: [join(process.cwd(), 'texts')],
      listen: ['127.0.0.1:0', `unix:${folder}/run/own.sock`, 'unix:/run/p.sock'],
      plugins: [`${folder}/knn.js`, 'knn', 'exec:python ./knn.py', `unix:${folder}/knn.sock`, 'grpc://host:1'],
    });
  });

  it('may write bytes and times with their units, as variables may', async () => {
    const path = await write('memoryBudgetBytes: 2GiB\nuploadBytes: 1.5 GB\nshutdownGraceMs: 1m\nmodelIdleMs: 250\n');
    const environment = { PRUNECAST_PLUGIN_CALL_MS: '90s', PRUNECAST_SCORE_CACHE_BYTES: '512Mi' };
    expect(loadConfig({ PRUNECAST_CONFIG: path, ...environment })).toMatchObject({
      memoryBudgetBytes: 2_147_483_648,
      uploadBytes: 1_500_000_000,
      shutdownGraceMs: 60_000,
      modelIdleMs: 250,
      pluginCallMs: 90_000,
      scoreCacheBytes: 536_870_912,
    });
    for (const text of ['2 apples', '2 toString', '5m'])
      expect(() => loadConfig({ PRUNECAST_UPLOAD_BYTES: text })).toThrow(/uploadBytes \(PRUNECAST_UPLOAD_BYTES\): /);
    expect(() => loadConfig({ PRUNECAST_THREADS: '2GiB' })).toThrow(/threads \(PRUNECAST_THREADS\): /);
  });

  it('is refused with the line of each fault and the nearest name, though the value does not count', async () => {
    expect(await refuse('threads: 2\nmodelRoot: [a]\nlog_level: info\nzzz: 1\n')).toBe(
      [
        'the configuration is not valid:',
        '  FILE:2: modelRoot is no setting; did you mean "modelRoots"?',
        '  FILE:3: log_level is no setting; did you mean "logLevel"?',
        '  FILE:4: zzz is no setting',
      ].join('\n'),
    );
    const path = await write('\nlogLevel: wran');
    expect(() => loadConfig({ PRUNECAST_CONFIG: path, PRUNECAST_LOG_LEVEL: 'info' })).toThrow(
      /logLevel \(.*prunecast\.yaml:2\): .*; did you mean "warn"\?/,
    );
  });

  it.each([
    ['twice the same key', 'threads: 2\nthreads: 3', /FILE:2: Map keys must be unique/],
    ['a fault of its form', 'threads: 2\nlisten: ["a', /FILE:2: /],
    ['two documents', 'threads: 2\n---\nthreads: 3', /FILE:2: .*multiple documents/],
    ['no keys', '- threads', /FILE:1: a file of settings has lines such as "logLevel: info"/],
    ['a key without a value', 'threads:', /threads \(FILE:1\): has no value/],
    [
      'bytes in no unit',
      'memoryBudgetBytes: 4 bananas',
      /\(FILE:1\): "4 bananas" is not a whole number .*, such as 4GiB/,
    ],
    ['a mode that is a number', 'socketMode: 0660', /socketMode \(FILE:1\): 660 is not text: put it in quotes/],
    [
      'a port that there is not',
      'listen: ["a:65535", "a:65536"]',
      /\(FILE:1\): "a:65536" is neither unix:.* nor host:port/,
    ],
    ['an address in place of a list', 'listen: 127.0.0.1:1', /\(FILE:1\): "127.0.0.1:1" is not a list, such as/],
    ['an empty list', 'listen: []', /\(FILE:1\): \[\] has fewer than 1 entries/],
    ['a key that is none', '__proto__: {threads: 2}', /FILE:1: __proto__ is no setting/],
    ['a list as a key', '? [threads]\n: 2', /FILE:1: a list or map as a key is no setting/],
    ['a tag of its own', 'threads: !!js/function "2"', /FILE:1: .*tag/i],
    ['bytes that are no text', Uint8Array.of(0x74, 0xff, 0xfe), /FILE: is not UTF-8/],
    ['more bytes than are read', `# ${'x'.repeat(300_000)}`, /FILE: is longer than 262144 bytes/],
    ['aliases', 'threads: &a 2\nkeptEvents: *a', /FILE:2: the alias \*a is not read: write the value itself/],
    ['very many lists in lists', `plugins: ${'['.repeat(100_000)}`, /FILE(?::1)?: /],
  ])('is refused for %s', async (_, text, expected) => {
    expect(await refuse(text)).toMatch(expected);
  });

  it('is refused within a second where aliases of aliases stand for a billion values', async () => {
    const levels = Array.from({ length: 9 }, (_, level) => {
      const inner = level === 0 ? '"x"' : `*l${level - 1}`;
      return `l${level}: &l${level} [${Array(10).fill(inner).join(',')}]`;
    });
    const begin = performance.now();
    expect(await refuse(levels.join('\n'))).toMatch(/the alias \*l7 is not read/);
    expect(performance.now() - begin).toBeLessThan(1000);
  });

  it('is refused where it is none', async () => {
    expect(() => loadConfig({ PRUNECAST_CONFIG: join(folder, 'absent.yaml') })).toThrow(
      /absent\.yaml: there is no such/,
    );
    expect(() => loadConfig({ PRUNECAST_CONFIG: folder })).toThrow(/: is no file/);
    expect(() => loadConfig({ PRUNECAST_CONFIG: '/dev/zero' })).toThrow('/dev/zero: is no file');
  });
});
