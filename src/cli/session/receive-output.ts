import { createHash, type Hash } from 'node:crypto';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import type { DownloadOutputResponse } from '../../client/index.js';
import { CommandFailure } from '../output/command-failure.js';

/**
 * Writes the files of a download to a folder, which is there whole or not at all.
 *
 * @param folder one that does not exist
 * @throws CommandFailure for a file whose digest is not the one that the server tells
 */
export async function receiveOutput(
  responses: AsyncIterable<DownloadOutputResponse>,
  folder: string,
): Promise<{ readonly files: number; readonly bytes: number }> {
  const partial = `${folder}.partial`;
  let [files, bytes] = [0, 0];
  let open: OpenFile | undefined;
  try {
    await rm(partial, { recursive: true, force: true });
    for await (const { file, chunk, digest } of responses) {
      open ??= await openFile(join(partial, requireInside(file)));
      open.hash.update(chunk);
      await open.handle.writeFile(chunk);
      bytes += chunk.length;
      if (digest === '') continue;
      await open.handle.close();
      if (open.hash.digest('hex') !== digest)
        throw new CommandFailure(`${file} did not come as the server has it: download the output again`);
      open = undefined;
      files += 1;
    }
    await rename(partial, folder);
    return { files, bytes };
  } finally {
    await open?.handle.close();
    await rm(partial, { recursive: true, force: true });
  }
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly hash: Hash;
}

async function openFile(path: string): Promise<OpenFile> {
  await mkdir(dirname(path), { recursive: true });
  return { handle: await open(path, 'wx'), hash: createHash('sha256') };
}

/** A server writes nothing outside of the folder. */
function requireInside(file: string): string {
  const path = normalize(file);
  if (path.startsWith('..') || path.startsWith('/') || path.includes('\0') || path.includes(':'))
    throw new CommandFailure(`the server names a file outside of the output: ${JSON.stringify(file)}`);
  return path;
}
