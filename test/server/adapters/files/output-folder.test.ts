import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ExportSummary } from '../../../../src/core/ports/exporter.js';
import { createLeaseOwner } from '../../../../src/server/jobs/lease-owner.js';
import type { OutputFolders } from '../../../../src/core/ports/outputs.js';
import { createOutputFolders } from '../../../../src/server/adapters/files/output-folder.js';
import { makeFolder } from '../../../support/test-server.js';

let folder = '';
let root = '';
let nowMs = 0;
let outputs: OutputFolders;
const owner = createLeaseOwner();
const LEASE_MS = 60_000;
/** As another machine has it: of its processes nothing is known. */
const ELSEWHERE = { name: 'elsewhere/boot/pid 7 server-1', isGone: () => false };

const createOutputs = (as: typeof owner = owner): OutputFolders =>
  createOutputFolders({
    root,
    kept: [{ path: join(folder, 'state'), name: 'the state folder' }],
    owner: as,
    leaseMs: LEASE_MS,
    now: () => nowMs,
  });

beforeEach(async () => {
  folder = await realpath(await makeFolder());
  root = join(folder, 'outputs');
  nowMs = Date.now();
  await Promise.all([root, join(folder, 'state')].map((path) => mkdir(path)));
  outputs = createOutputs();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const to = (output: string, ...reads: readonly string[]) => ({
  output,
  reads: reads.map((path) => ({ path, name: 'the model' })),
});
const writing =
  (text: string) =>
  async (directory: string): Promise<ExportSummary> => {
    await mkdir(join(directory, 'sub'));
    await writeFile(join(directory, 'sub', 'model.txt'), text);
    await writeFile(join(directory, 'prunecast.json'), '{"a": 1}');
    return { files: ['sub/model.txt', 'prunecast.json'], bytes: text.length + 8 };
  };
const read = (output: string) => readFile(join(root, output, 'sub', 'model.txt'), 'utf8');

const filling = async (directory: string): Promise<ExportSummary> => {
  await writing('half')(directory);
  const full = await open('/dev/full', 'w');
  await full.writeFile('more').finally(() => full.close());
  return { files: [], bytes: 0 };
};
/** Writes, and then something befalls the folder. */
const losing = (spoil: (directory: string) => Promise<void>) => async (directory: string) => {
  const summary = await writing('new')(directory);
  await spoil(directory);
  return summary;
};
const id = (letter: string) => `.prunecast-output-${letter.repeat(16)}`;
/** What a server that was killed leaves behind. */
const leave = async (
  path: string,
  { target, by = `${owner.name}-earlier`, old, fresh }: { target: string; by?: string; old?: string; fresh?: string },
) => {
  await mkdir(join(root, path), { recursive: true });
  await writeFile(join(root, path, 'owner.json'), JSON.stringify({ owner: by, target }));
  for (const [name, text] of Object.entries({ old, new: fresh })) {
    if (text === undefined) continue;
    await mkdir(join(root, path, name));
    await writing(text)(join(root, path, name));
  }
};

describe('write', () => {
  it('puts the whole folder in place, nested ones too, and says what lies there, its list of files included', async () => {
    const { files, bytes } = await outputs.write(to('a/b/model'), 'refuse', writing('new'));
    expect(await read('a/b/model')).toBe('new');
    expect(await readdir(join(root, 'a/b'))).toEqual(['model']);
    expect(files).toEqual(['sub/model.txt', 'prunecast.json']);
    const manifest = await readFile(join(root, 'a/b/model/prunecast.json'), 'utf8');
    // By sha256sum; the digest of the manifest is that of the rest of it, written here by hand.
    const digest = '11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437';
    const rest = `{"a":1,"digests":{"sub/model.txt":"${digest}"},"files":{"sub/model.txt":3}}`;
    expect(JSON.parse(manifest)).toEqual({
      ...(JSON.parse(rest) as object),
      manifest_digest: createHash('sha256').update(rest).digest('hex'),
    });
    expect(bytes).toBe(3 + manifest.length);
  });

  it('refuses an existing output, replaces it when asked to, and shows the old one until the new one is whole', async () => {
    await outputs.write(to('model'), 'refuse', writing('old'));
    await expect(outputs.write(to('model'), 'refuse', writing('new'))).rejects.toMatchObject({
      reason: 'OUTPUT_EXISTS',
      violations: [{ field: 'output' }],
    });
    await outputs.write(to('model'), 'replace', async (directory) => {
      const summary = await writing('new')(directory);
      expect(await read('model')).toBe('old');
      return summary;
    });
    expect(await read('model')).toBe('new');
    expect(await readdir(root)).toEqual(['model']);
  });

  it('leaves what was there, and nothing else, when the writer fails', async () => {
    await outputs.write(to('model'), 'refuse', writing('old'));
    await expect(
      outputs.write(to('model'), 'replace', async (directory) => {
        await writing('half')(directory);
        throw new Error('out of ideas');
      }),
    ).rejects.toThrow('out of ideas');
    await expect(
      outputs.write(to('deep/other'), 'refuse', () => Promise.reject(new Error('out of ideas'))),
    ).rejects.toThrow('out of ideas');
    expect(await read('model')).toBe('old');
    expect(await readdir(root)).toEqual(['model']);
  });

  it('distinguishes a full disk from a fault of the server, and leaves no half output', async () => {
    await expect(outputs.write(to('model'), 'refuse', filling)).rejects.toMatchObject({
      reason: 'STORAGE_FULL',
      code: 'RESOURCE_EXHAUSTED',
    });
    expect(await readdir(root)).toEqual([]);
  });

  it('refuses an output whose files are missing or cut short, for whatever reason', async () => {
    const spoilings = [
      losing((directory) => rm(join(directory, 'sub'), { recursive: true })),
      losing((directory) => writeFile(join(directory, 'sub/model.txt'), 'n')),
      losing((directory) => rm(directory, { recursive: true })),
      losing((directory) => rm(join(directory, '..'), { recursive: true })),
    ];
    for (const spoiling of spoilings) {
      await expect(outputs.write(to('model'), 'refuse', spoiling)).rejects.toMatchObject({
        reason: 'OUTPUT_NOT_WRITTEN',
      });
      expect(await readdir(root)).toEqual([]);
    }
  });

  it.each(['runs/model', 'runs/deep/model'])(
    'never follows a link out of the root that was put on its way while it was written: %s',
    async (output) => {
      const outside = join(folder, 'outside');
      await mkdir(outside);
      const linking = losing(() => symlink(outside, join(root, 'runs')));
      await expect(outputs.write(to(output), 'refuse', linking)).rejects.toMatchObject({
        reason: 'PATH_OUTSIDE_ROOTS',
        violations: [{ field: 'output' }],
      });
      expect(await readdir(outside)).toEqual([]);
      expect(await readdir(root)).toEqual(['runs']);
    },
  );

  it('gives one of two writers of one output the place, and refuses the other', async () => {
    const outcomes = await Promise.allSettled(
      ['one', 'two'].map((text) => outputs.write(to('model'), 'refuse', writing(text))),
    );
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(failed).toHaveLength(1);
    expect(failed[0]?.reason).toMatchObject({ reason: 'OUTPUT_EXISTS' });
    expect(await readdir(root)).toEqual(['model']);
  });
});

describe('check', () => {
  it('refuses what leads out of the output root, by name or over a link, and names of unfinished outputs', async () => {
    await mkdir(join(folder, 'outside'));
    await symlink(join(folder, 'outside'), join(root, 'link'));
    for (const output of ['..', '../outside/x', '/etc/model', 'a/../../x', 'link/x', 'link', '.', 'a\0b']) {
      await expect(outputs.check(to(output), 'replace')).rejects.toMatchObject({
        reason: 'PATH_OUTSIDE_ROOTS',
        violations: [{ field: 'output' }],
      });
    }
    for (const output of ['', 'a/b/c/d/e/f/g', `.prunecast-output-${'0'.repeat(16)}`]) {
      await expect(outputs.check(to(output), 'replace')).rejects.toMatchObject({ reason: 'INVALID_REQUEST' });
    }
    await outputs.check(to('a/../b'), 'refuse');
    expect(await readdir(join(folder, 'outside'))).toEqual([]);
  });

  it('takes a name of 255 bytes, writes it, and refuses a longer one before any work', async () => {
    const longest = 'n'.repeat(255);
    await outputs.write(to(longest), 'refuse', writing('new'));
    expect(await read(longest)).toBe('new');
    for (const output of ['n'.repeat(256), `a/${'é'.repeat(128)}`, 'x'.repeat(100_000)]) {
      await expect(outputs.check(to(output), 'refuse')).rejects.toMatchObject({
        reason: 'INVALID_REQUEST',
        violations: [{ field: 'output' }],
      });
    }
  });

  it('refuses a place where nothing can be written, before any work', async () => {
    await writeFile(join(root, 'file'), 'text');
    await expect(outputs.check(to('file/model'), 'refuse')).rejects.toMatchObject({ reason: 'INVALID_REQUEST' });
    await rm(root, { recursive: true });
    await writeFile(root, 'text');
    await expect(outputs.check(to('model'), 'refuse')).rejects.toMatchObject({ reason: 'OUTPUT_NOT_WRITTEN' });
  });

  it('makes the output root again when it was removed', async () => {
    await rm(root, { recursive: true });
    await outputs.write(to('model'), 'refuse', writing('new'));
    expect(await read('model')).toBe('new');
  });
});

describe('overwrite', () => {
  it('never deletes what no earlier output wrote: folders of others, files added to an output, links, plain files', async () => {
    await mkdir(join(root, 'mine/sub'), { recursive: true });
    await writeFile(join(root, 'mine/sub/data.txt'), 'precious');
    await outputs.write(to('model'), 'refuse', writing('old'));
    await writeFile(join(root, 'model/sub/notes.txt'), 'precious');
    await symlink(join(root, 'model'), join(root, 'link'));
    await writeFile(join(root, 'plain'), 'precious');
    for (const output of ['mine', 'model', 'link', 'plain']) {
      await expect(outputs.check(to(output), 'replace')).rejects.toMatchObject({
        reason: 'OUTPUT_PROTECTED',
        violations: [{ field: 'output' }],
      });
      await expect(outputs.write(to(output), 'replace', writing('new'))).rejects.toMatchObject({
        reason: 'OUTPUT_PROTECTED',
      });
    }
    await expect(outputs.check(to('model'), 'replace')).rejects.toThrow(
      'holds sub/notes.txt, which the earlier output did not write',
    );
    expect(await readFile(join(root, 'mine/sub/data.txt'), 'utf8')).toBe('precious');
    expect(await read('model')).toBe('old');
  });

  it('takes an empty folder, and outputs of a version that did not list their files', async () => {
    await mkdir(join(root, 'empty'));
    await outputs.write(to('empty'), 'replace', writing('new'));
    await mkdir(join(root, 'older'));
    await writeFile(join(root, 'older/prunecast.json'), '{"kept_units": []}');
    await outputs.write(to('older'), 'replace', writing('new'));
    expect([await read('empty'), await read('older')]).toEqual(['new', 'new']);
  });

  it('never takes the place of a model, a text or the state folder, by name, over links, above or within them', async () => {
    await outputs.write(to('models/one'), 'refuse', writing('model'));
    await writeFile(join(root, 'models/one/text.txt'), 'text');
    await symlink(join(root, 'models'), join(root, 'link'));
    await symlink(join(folder, 'state'), join(folder, 'state-link'));
    const [model, text] = [join(root, 'models/one'), join(root, 'models/one/text.txt')];
    const cases = [
      ['models/one', model],
      ['link/one', model],
      ['models/one/x', model],
      ['link/one/x/y', model],
      ['models', model],
      ['link', model],
      ['models/one', text],
      ['models/one/text.txt', text],
    ] as const;
    for (const [output, path] of cases) {
      await expect(outputs.check(to(output, path), 'replace')).rejects.toMatchObject({ reason: 'OUTPUT_PROTECTED' });
    }
    // Within an output that nobody reads now: the next overwrite of that one would take it along.
    await expect(outputs.check(to('models/one/x'), 'refuse')).rejects.toMatchObject({ reason: 'OUTPUT_PROTECTED' });
    const beside = createOutputFolders({
      root: folder,
      kept: [{ path: join(folder, 'state-link'), name: 'the state folder' }],
      owner,
      leaseMs: LEASE_MS,
      now: () => nowMs,
    });
    for (const output of ['state', 'state-link', 'state/x'])
      await expect(beside.check(to(output), 'replace')).rejects.toMatchObject({ reason: 'OUTPUT_PROTECTED' });
    await beside.check(to('state-2'), 'replace');
  });
});

describe('sweep', () => {
  it('removes unfinished outputs and puts back an old one that had only been moved aside', async () => {
    // Killed while writing; between the two renames; and before the old one was removed.
    await leave(`deep/er/${id('1')}`, { target: 'one', fresh: 'half' });
    await leave(id('2'), { target: 'two', old: 'old', fresh: 'new' });
    await outputs.write(to('three'), 'refuse', writing('new'));
    await leave(id('3'), { target: 'three', old: 'old' });
    await outputs.sweep();
    expect(await readdir(join(root, 'deep/er'))).toEqual([]);
    expect((await readdir(root)).sort()).toEqual(['deep', 'three', 'two']);
    expect([await read('two'), await read('three')]).toEqual(['old', 'new']);
  });

  it('leaves alone what another server writes, in this process or elsewhere, until its lease has run out', async () => {
    const other = createOutputs(createLeaseOwner());
    await outputs.write(to('model'), 'refuse', async (directory) => {
      const summary = await writing('new')(directory);
      await other.sweep();
      return summary;
    });
    expect(await read('model')).toBe('new');

    await leave(id('a'), { target: 'far', by: ELSEWHERE.name, fresh: 'half' });
    nowMs = (await stat(join(root, id('a'), 'owner.json'))).mtimeMs + LEASE_MS - 1;
    await outputs.sweep();
    expect((await readdir(root)).sort()).toEqual([id('a'), 'model']);
    nowMs += 2;
    await outputs.sweep();
    expect(await readdir(root)).toEqual(['model']);
  });

  it('leaves a folder that is just being made, and one that is not its own to read', async () => {
    await mkdir(join(root, id('b')));
    await outputs.sweep();
    expect(await readdir(root)).toEqual([id('b')]);
    nowMs += LEASE_MS + 1000;
    await outputs.sweep();
    expect(await readdir(root)).toEqual([]);
  });

  it('makes the output root when it is not there', async () => {
    await rm(root, { recursive: true });
    await outputs.sweep();
    expect(existsSync(root)).toBe(true);
  });
});

const anywhere = (): OutputFolders =>
  createOutputFolders({ root: '/', kept: [], owner, leaseMs: LEASE_MS, now: () => nowMs });

describe('outputs anywhere', () => {
  it('may lie at any depth, by absolute names only', async () => {
    const deep = join(root, 'a/b/c/d/e/f/g/h');
    await anywhere().write(to(deep), 'refuse', writing('new'));
    expect(await readFile(join(deep, 'sub/model.txt'), 'utf8')).toBe('new');
    expect(await anywhere().readManifest(deep, 'earlier_output')).toMatchObject({ a: 1 });
    await expect(anywhere().check(to('model'), 'refuse')).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'output', description: expect.stringContaining('absolute') as string }],
    });
    await expect(anywhere().check(to(join(deep, 'x')), 'refuse')).rejects.toMatchObject({
      reason: 'OUTPUT_PROTECTED',
    });
  });

  it('are swept where one is written again, and the file system is never searched', async () => {
    await leave(id('1'), { target: 'one', fresh: 'half' });
    await leave(id('2'), { target: 'two', old: 'old', fresh: 'new' });
    await anywhere().sweep();
    expect((await readdir(root)).sort()).toEqual([id('1'), id('2')]);
    await anywhere().write(to(join(root, 'one')), 'refuse', writing('new'));
    expect((await readdir(root)).sort()).toEqual(['one', 'two']);
    expect([await read('one'), await read('two')]).toEqual(['new', 'old']);
  });
});
