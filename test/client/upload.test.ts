import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { UploadFileRequest } from '../../src/client/index.js';
import type { DeepPartial } from '../../src/gen/prunecast/v1/common.js';
import { Upload } from '../../src/gen/prunecast/v1/file.js';
import { listUpload, upload } from '../../src/client/upload.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunecast-upload-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const put = async (name: string, text: string | Buffer): Promise<void> => {
  await mkdir(join(folder, name, '..'), { recursive: true });
  await writeFile(join(folder, name), text);
};

/** The parts of an upload, chunks by their lengths. */
async function send(path: string) {
  const sent: DeepPartial<UploadFileRequest>['part'][] = [];
  const progress: number[] = [];
  await upload(
    {
      uploadFile: async (requests) => {
        for await (const { part } of requests) sent.push(part);
        return { upload: Upload.fromPartial({ path: 'uploads/x' }) };
      },
    },
    await listUpload(path),
    { onProgress: ({ done }) => progress.push(done) },
  );
  const [start, ...rest] = sent;
  return {
    progress,
    start: start?.$case === 'start' ? start.value : undefined,
    parts: rest.map((part) =>
      part?.$case === 'file' ? part.value?.path : part?.$case === 'chunk' ? part.value?.length : undefined,
    ),
  };
}

describe('an upload', () => {
  it('of a file sends its name, its digest and its bytes', async () => {
    const bytes = Buffer.alloc(2 ** 20 + 5, 'prunecast');
    await put('a.txt', bytes);
    expect(await send(join(folder, 'a.txt'))).toEqual({
      start: {
        name: 'a.txt',
        digest: createHash('sha256').update(bytes).digest('hex'),
        bytes: BigInt(bytes.length),
        folder: false,
      },
      parts: [2 ** 20, 5],
      progress: [2 ** 20, 2 ** 20 + 5],
    });
  });

  it('of a folder sends its files by their paths, without hidden ones, and the digest that sha256sum gives', async () => {
    for (const name of ['set/test/b.csv', 'set/test/é.csv', 'set/Z.csv', 'set/.git/config', 'set/test/.DS_Store'])
      await put(name, name);
    await put('set/empty.csv', '');
    await mkdir(join(folder, 'set/nothing'));
    const { start, parts } = await send(`${join(folder, 'set')}/`);
    expect(parts).toEqual(['Z.csv', 9, 'empty.csv', 'test/b.csv', 14, 'test/é.csv', 15]);
    const [digest] = execFileSync('sh', ['-c', 'sha256sum Z.csv empty.csv test/b.csv test/é.csv | sha256sum'], {
      cwd: join(folder, 'set'),
      encoding: 'utf8',
    }).split(' ');
    expect(start).toEqual({ name: 'set', digest, bytes: 38n, folder: true });
  });

  it.each([
    ['nothing', 'absent', /absent is not there/],
    ['a folder without files', 'set', /set has no file that is not hidden/],
    ['a folder with a link', 'links', /a\.csv is a link/],
  ])('of %s is refused', async (_, name, message) => {
    await put('set/.hidden', 'x');
    await mkdir(join(folder, 'links'));
    await symlink(join(folder, 'set/.hidden'), join(folder, 'links/a.csv'));
    await expect(listUpload(join(folder, name))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message });
  });

  it('of a folder of more files than a server takes is refused before they are read', async () => {
    await mkdir(join(folder, 'many'));
    await Promise.all(Array.from({ length: 4097 }, (_, index) => writeFile(join(folder, 'many', `${index}`), '')));
    await expect(listUpload(join(folder, 'many'))).rejects.toThrow(/more than 4096 files/);
  });
});
