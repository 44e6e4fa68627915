import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CallError } from '../../src/client/call-error.js';
import { download, type DownloadOptions, type DownloadSource } from '../../src/client/download.js';

let folder = '';
let to = '';
let partial = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunecast-download-'));
  to = join(folder, 'winner');
  partial = join(folder, '.winner.prunecast-partial');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const digestOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const lost = () => new CallError('the connection broke', { code: 'UNAVAILABLE' });
const CHUNK = 4;
const FILES = { 'a.bin': 'first file', 'in/b.bin': 'the second', 'empty.bin': '' };

/** Files with the manifest that names them. */
function withManifest(files: Readonly<Record<string, string>>): Record<string, string> {
  const sizes = Object.fromEntries(Object.entries(files).map(([file, text]) => [file, text.length]));
  return { ...files, 'prunecast.json': JSON.stringify({ files: sizes }) };
}

/**
 * A server with some files.
 *
 * @param breakOff the error that the stream ends with after so many chunks of a file; undefined for none
 */
function serve(
  files: Readonly<Record<string, string>>,
  breakOff: (file: string, chunks: number) => CallError | undefined = () => undefined,
) {
  const calls: { readonly file: string; readonly offset: number }[] = [];
  let sent = 0;
  const source: DownloadSource = {
    breaksWithServer: false,
    files: {
      async *downloadOutput({ file = '', offset = 0n }) {
        const whole = Buffer.from(files[file] ?? '');
        calls.push({ file, offset: Number(offset) });
        if (files[file] === undefined)
          throw new CallError('no such file', { code: 'NOT_FOUND', reason: 'OUTPUT_NOT_FOUND' });
        if (Number(offset) > whole.length)
          throw new CallError('offset', {
            code: 'INVALID_ARGUMENT',
            reason: 'INVALID_REQUEST',
            violations: [{ field: 'offset', description: 'is too large' }],
          });
        for (let [position, chunks] = [Number(offset), 0]; ; chunks += 1) {
          const error = breakOff(file, chunks);
          if (error !== undefined) throw error;
          const chunk = whole.subarray(position, position + CHUNK);
          const isLast = position + chunk.length === whole.length;
          sent += chunk.length;
          yield {
            file,
            offset: BigInt(position),
            chunk,
            bytes: BigInt(whole.length),
            digest: isLast ? digestOf(whole) : '',
          };
          position += chunk.length;
          if (isLast) return;
        }
      },
    },
  };
  return { source, calls, sentBytes: () => sent };
}

const FAST = { firstDelayMs: 1, giveUpStartAfterMs: 20, giveUpAfterMs: 20 };
const fetchTo = ({ source }: ReturnType<typeof serve>, options: DownloadOptions = {}) =>
  download(source, { output: 'winner', folder: to }, { reattach: FAST, ...options });

const readTo = async (files: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    await Promise.all(Object.keys(files).map(async (file) => [file, await readFile(join(to, file), 'utf8')] as const)),
  );

/** What a download has left that broke off. */
async function leave(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(partial, file)), { recursive: true });
    await writeFile(join(partial, file), text);
  }
}

describe('a download', () => {
  it('becomes a folder with all of its files', async () => {
    const files = withManifest(FILES);
    const progress: number[] = [];
    const server = serve(files);
    const total = Object.values(files).reduce((sum, text) => sum + text.length, 0);
    const got = await fetchTo(server, {
      onProgress: ({ done, total: all }) => {
        progress.push(done);
        expect(all).toBe(total);
      },
    });
    expect(got).toEqual({ folder: to, files: 4, bytes: total, keptBytes: 0 });
    expect(await readTo(files)).toEqual(files);
    expect(await readdir(folder)).toEqual(['winner']);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress.at(-1)).toBe(total);
  });

  it('whose connection breaks in the middle goes on at the byte where it broke', async () => {
    let breaks = 0;
    const files = withManifest(FILES);
    const server = serve(files, (file, chunks) => {
      if (file !== 'a.bin' || chunks !== 1 || breaks === 2) return undefined;
      breaks += 1;
      return lost();
    });
    const losses: string[] = [];
    await fetchTo(server, { onLost: ({ error }) => losses.push(error.message) });
    expect(await readTo(files)).toEqual(files);
    expect(losses).toEqual(['the connection broke', 'the connection broke']);
    expect(server.calls.filter(({ file }) => file === 'a.bin').map(({ offset }) => offset)).toEqual([0, 4, 8]);
  });

  it('that fails keeps what it has, and the next one into the same folder sends only the rest', async () => {
    const files = withManifest(FILES);
    const broken = serve(files, (file, chunks) => (file === 'in/b.bin' && chunks === 1 ? lost() : undefined));
    await expect(fetchTo(broken, { reattach: { ...FAST, firstDelayMs: 100 } })).rejects.toThrow('the connection broke');
    expect(await readdir(folder)).toEqual(['.winner.prunecast-partial']);
    const server = serve(files);
    const first: number[] = [];
    const got = await fetchTo(server, { onProgress: ({ done }) => first.push(done) });
    expect(got.keptBytes).toBe(14);
    expect(await readTo(files)).toEqual(files);
    expect(await readdir(folder)).toEqual(['winner']);
    const manifestBytes = files['prunecast.json']?.length ?? 0;
    expect(server.sentBytes()).toBe(2 * manifestBytes + 6); // the manifest is read again at the end
    expect(first[0]).toBe(manifestBytes + 10);
  });

  it.each([
    ['other bytes', { 'a.bin': 'FIRST', 'in/b.bin': 'the second' }],
    ['more bytes', { 'a.bin': 'first file and more' }],
    ['as many other bytes', { 'a.bin': 'FIRST FILE' }],
    ['files of another output', { 'a.bin': 'fir', 'old/model.safetensors': 'x' }],
  ])('that finds %s in what another one left does not use them', async (_, left) => {
    await leave(left);
    const files = withManifest(FILES);
    await fetchTo(serve(files));
    expect(await readTo(files)).toEqual(files);
    expect(
      (await readdir(to, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()),
    ).toHaveLength(4);
  });

  it('of an output that is written anew meanwhile is refused', async () => {
    const files = withManifest(FILES);
    const server = serve(files, (file) => {
      if (file === 'in/b.bin') files['prunecast.json'] += ' ';
      return undefined;
    });
    await expect(fetchTo(server)).rejects.toMatchObject({ code: 'ABORTED', message: /written anew/ });
    expect(await readdir(folder)).toEqual(['.winner.prunecast-partial']);
  });

  it('into a folder that is there is refused, and leaves it', async () => {
    await mkdir(to);
    await expect(fetchTo(serve(withManifest(FILES)))).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    expect(await readdir(folder)).toEqual(['winner']);
  });

  it('of an output that is not there leaves nothing', async () => {
    await expect(fetchTo(serve({}))).rejects.toMatchObject({ reason: 'OUTPUT_NOT_FOUND' });
    expect(await readdir(folder)).toEqual([]);
  });

  it.each(['../b.txt', '/tmp/b.txt', 'a/../../b.txt', ''])('that names the file "%s" leaves nothing', async (file) => {
    await expect(fetchTo(serve(withManifest({ [file]: 'x' })))).rejects.toMatchObject({ code: 'DATA_LOSS' });
    expect(await readdir(folder)).toEqual([]);
  });

  it('whose bytes are not those of the digest is refused', async () => {
    const server = serve(withManifest(FILES));
    const { downloadOutput } = server.source.files;
    const wrong: DownloadSource = {
      ...server.source,
      files: {
        async *downloadOutput(request, options) {
          for await (const part of downloadOutput(request, options))
            yield part.digest === '' || part.file !== 'a.bin' ? part : { ...part, digest: '0'.repeat(64) };
        },
      },
    };
    await expect(fetchTo({ ...server, source: wrong })).rejects.toMatchObject({
      code: 'DATA_LOSS',
      message: /a\.bin did not come as the server has it/,
    });
    expect(await readdir(folder)).not.toContain('winner');
  });
});
