import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { receiveOutput } from '../../src/cli/session/receive-output.js';
import type { DownloadOutputResponse } from '../../src/client/index.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunecast-receive-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The messages of a file in two chunks. */
function* sendFile(file: string, text: string, digest = digestOf(text)): Generator<DownloadOutputResponse> {
  const [bytes, half] = [Buffer.from(text), Math.floor(text.length / 2)];
  const about = { file, bytes: BigInt(bytes.length) };
  yield { ...about, offset: 0n, chunk: bytes.subarray(0, half), digest: '' };
  yield { ...about, offset: BigInt(half), chunk: bytes.subarray(half), digest };
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

async function* concat(...parts: readonly Iterable<DownloadOutputResponse>[]): AsyncGenerator<DownloadOutputResponse> {
  for (const part of parts) yield* part;
}

describe('a download', () => {
  it('becomes a folder with all of its files', async () => {
    const to = join(folder, 'winner');
    const received = await receiveOutput(concat(sendFile('a.txt', 'first'), sendFile('in/b.txt', 'second')), to);
    expect(received).toEqual({ files: 2, bytes: 11 });
    expect(await readFile(join(to, 'a.txt'), 'utf8')).toBe('first');
    expect(await readFile(join(to, 'in', 'b.txt'), 'utf8')).toBe('second');
    expect(await readdir(folder)).toEqual(['winner']);
  });

  it.each([
    ['whose file is not what the server has', [sendFile('a.txt', 'first', digestOf('other'))], 'a.txt did not come'],
    ['that names a file outside of the folder', [sendFile('../b.txt', 'x')], 'outside of the output'],
    ['that names an absolute file', [sendFile('/tmp/b.txt', 'x')], 'outside of the output'],
  ])('%s leaves nothing', async (_, parts, said) => {
    await expect(receiveOutput(concat(sendFile('first.txt', 'x'), ...parts), join(folder, 'winner'))).rejects.toThrow(
      said,
    );
    expect(await readdir(folder)).toEqual([]);
  });
});
