import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { appendFile, link, mkdir, open, readFile, rename, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createCheckpointFiles } from '../../../src/engine/files/checkpoint-files.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { makeFolder, packTensors, TINY_CONFIG, tinyTensors, writeFolder } from '../checkpoint/tiny-checkpoint.js';

const WEIGHTS = 'model.safetensors';
const NORM = 'model.norm.weight';

/** The tiny model, open; its files can be changed. */
async function openTiny() {
  const folder = await writeFolder({
    'config.json': TINY_CONFIG,
    [WEIGHTS]: packTensors(tinyTensors()),
    'tokenizer.json': {},
  });
  const checkpoint = await openCheckpoint(folder);
  onTestFinished(() => checkpoint.close());
  return { folder, path: join(folder, WEIGHTS), checkpoint };
}

/** The tiny model's weights with another last value, in its last norm. */
function otherWeights(): Uint8Array {
  const bytes = packTensors(tinyTensors()).slice();
  bytes[bytes.length - 2] = (bytes.at(-2) ?? 0) ^ 1;
  return bytes;
}

async function overwrite(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'r+');
  await handle.write(bytes, 0, bytes.length, 0);
  await handle.close();
}

/** A root with a folder `model`, and a secret outside. */
async function makeRoot() {
  const base = await makeFolder();
  const root = join(base, 'root');
  const directory = join(root, 'model');
  await mkdir(directory, { recursive: true });
  await writeFile(join(base, 'secret'), JSON.stringify({ ...TINY_CONFIG, secret: true }));
  return { base, root, directory };
}

/** Paths of the open files of this process. */
function listOpened(): string {
  const paths = readdirSync('/proc/self/fd').map((file) => {
    try {
      return readlinkSync(`/proc/self/fd/${file}`);
    } catch {
      return 'closed since it was listed';
    }
  });
  return paths.join('\n');
}

describe('a checkpoint whose files change while it is open', () => {
  it.each([
    ['overwritten in place', (path: string) => overwrite(path, otherWeights())],
    [
      'replaced by rename',
      async (path: string) => {
        await writeFile(`${path}.new`, otherWeights());
        await rename(`${path}.new`, path);
      },
    ],
    [
      'overwritten with the size and the times of before',
      async (path: string) => {
        const { atime, mtime } = await stat(path);
        await overwrite(path, otherWeights());
        await utimes(path, atime, mtime);
      },
    ],
    ['cut short', (path: string) => writeFile(path, otherWeights().subarray(0, -4))],
  ])('reports weights that were %s, and reads none of them', async (_how, change) => {
    const { path, checkpoint } = await openTiny();
    expect(await checkpoint.files.findChanged()).toBeUndefined();
    await change(path);
    expect(await checkpoint.files.findChanged()).toBe(WEIGHTS);
    await expect(checkpoint.readTensor(NORM)).rejects.toMatchObject({
      reason: 'MODEL_CHANGED',
      metadata: { file: WEIGHTS },
    });
  });

  it('reports weights that were overwritten while they were being read', async () => {
    const { path, checkpoint } = await openTiny();
    await expect(
      checkpoint.files.use(WEIGHTS, async (handle) => {
        await overwrite(path, otherWeights());
        return handle.stat();
      }),
    ).rejects.toMatchObject({ reason: 'MODEL_CHANGED' });
  });

  it('reports a change that comes right after the file was read for the first time', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { path, checkpoint } = await openTiny();
      await overwrite(path, otherWeights()); // mostly within one tick of the file system's clock
      expect(await checkpoint.files.findChanged()).toBe(WEIGHTS);
    }
  });

  it.each([['config.json'], ['tokenizer.json']])('tells of another %s', async (file) => {
    const { folder, checkpoint } = await openTiny();
    await checkpoint.files.read('tokenizer.json', 100);
    await appendFile(join(folder, file), ' ');
    expect(await checkpoint.files.findChanged()).toBe(file);
  });

  it('reports a new file that would be read in place of another', async () => {
    const folder = await writeFolder({
      'config.json': TINY_CONFIG,
      'a.safetensors': packTensors(tinyTensors()),
      'model.safetensors.index.json': {
        weight_map: Object.fromEntries(Object.keys(tinyTensors()).map((name) => [name, 'a.safetensors'])),
      },
    });
    const checkpoint = await openCheckpoint(folder);
    expect(await checkpoint.files.findChanged()).toBeUndefined();
    await writeFile(join(folder, WEIGHTS), packTensors(tinyTensors()));
    expect(await checkpoint.files.findChanged()).toBe(WEIGHTS);
  });

  it('treats weights that were touched, linked, or replaced by equal ones as unchanged', async () => {
    const { folder, path, checkpoint } = await openTiny();
    const before = await checkpoint.readTensor(NORM);
    await utimes(path, new Date(), new Date());
    expect(await checkpoint.files.findChanged()).toBeUndefined();
    await link(path, join(folder, 'backup'));
    expect(await checkpoint.readTensor(NORM)).toEqual(before);
    await writeFile(`${path}.new`, packTensors(tinyTensors()));
    await rename(`${path}.new`, path);
    expect(await checkpoint.files.findChanged()).toBeUndefined();
    expect(await checkpoint.readTensor(NORM)).toEqual(before);
    await checkpoint.close();
  });

  it('reports weights that were moved away', async () => {
    const { path, checkpoint } = await openTiny();
    await rename(path, `${path}.gone`);
    expect(await checkpoint.files.findChanged()).toBe(WEIGHTS);
    await expect(checkpoint.readTensor(NORM)).rejects.toMatchObject({ reason: 'MODEL_CHANGED' });
  });
});

describe('the files of a checkpoint under roots', () => {
  it.each([['config.json'], ['chat_template.jinja'], ['vocab.json']])(
    'refuses a %s that is a link out of the roots, and names it',
    async (file) => {
      const { base, root, directory } = await makeRoot();
      await symlink(join(base, 'secret'), join(directory, file));
      const files = createCheckpointFiles({ directory, roots: [root] });
      const refused = {
        reason: 'PATH_OUTSIDE_ROOTS',
        message: expect.stringContaining(`${file}: is a link that leads outside`),
        metadata: { file },
      };
      await expect(files.read(file, 1000)).rejects.toMatchObject(refused);
      await expect(files.readBeside(file, 1000)).rejects.toMatchObject(refused);
      await expect(openCheckpoint(directory, { roots: [root] })).rejects.toMatchObject(
        file === 'config.json' ? refused : { reason: 'MODEL_NOT_FOUND' },
      );
    },
  );

  it('refuses a folder within the checkpoint that is a link out of the roots', async () => {
    const { base, root, directory } = await makeRoot();
    await symlink(base, join(directory, 'templates'));
    await expect(
      createCheckpointFiles({ directory, roots: [root] }).readBeside('templates/secret', 1000),
    ).rejects.toMatchObject({ reason: 'PATH_OUTSIDE_ROOTS' });
  });

  it('reads links inside the roots, as a hub cache has them, through a root that is itself a link', async () => {
    const { base, root } = await makeRoot();
    const snapshot = join(root, 'models--org--tiny/snapshots/abc');
    const blobs = join(root, 'models--org--tiny/blobs');
    await mkdir(snapshot, { recursive: true });
    await mkdir(blobs);
    for (const [file, blob, bytes] of [
      ['config.json', '1', JSON.stringify(TINY_CONFIG)],
      [WEIGHTS, '2', packTensors(tinyTensors())],
    ] as const) {
      await writeFile(join(blobs, blob), bytes);
      await symlink(join('../../blobs', blob), join(snapshot, file));
    }
    await symlink(root, join(base, 'alias'));
    const checkpoint = await openCheckpoint(snapshot, { roots: [join(base, 'alias')] });
    expect([...(await checkpoint.readTensor(NORM))]).toEqual([0, 100]);
    await checkpoint.close();
  });

  it.each([['config.json'], [WEIGHTS]])('does not wait for the other end of a pipe in place of %s', async (file) => {
    const folder = await writeFolder({ 'config.json': TINY_CONFIG });
    execFileSync('mkfifo', [join(folder, `${file}.pipe`)]);
    await rename(join(folder, `${file}.pipe`), join(folder, file));
    await expect(openCheckpoint(folder)).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: `${file}: is not a plain file`,
    });
  });

  it('reports links in a circle, and folders in place of files', async () => {
    const folder = await writeFolder({});
    await symlink('config.json', join(folder, 'config.json'));
    await expect(openCheckpoint(folder)).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: 'config.json: is a link that leads in a circle',
    });
    await mkdir(join(folder, 'tokenizer.json'));
    await expect(createCheckpointFiles({ directory: folder }).read('tokenizer.json', 100)).rejects.toMatchObject({
      message: 'tokenizer.json: is not a plain file',
    });
  });

  it('keeps no file open that is not being read', async () => {
    const { checkpoint } = await openTiny();
    expect(listOpened()).not.toContain(checkpoint.directory);
    await checkpoint.readTensor(NORM);
    expect(listOpened()).toContain(checkpoint.directory);
    await checkpoint.close();
    expect(listOpened()).not.toContain(checkpoint.directory);
    expect(await readFile(join(checkpoint.directory, 'config.json'), 'utf8')).toContain('llama');
  });
});
