import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A folder in a root that is, in turns, a link to a folder outside of it. */
export interface SwappedFolder {
  readonly root: string;
  /** The name in the root. */
  readonly name: string;
  stop(): Promise<void>;
}

const SWAP = `
  const { renameSync, writeSync } = require('node:fs');
  const [place, folder, link] = process.argv.slice(1);
  writeSync(1, 'swapping');
  for (;;) {
    renameSync(place, folder);
    renameSync(link, place);
    renameSync(place, link);
    renameSync(folder, place);
  }
`;

/**
 * Makes a folder and swaps it with a link as fast as it can, in a process of its own. A file of both has the content
 * `inside` in the folder, and `outside` where the link leads.
 */
export async function swapWithLink(parent: string, file: string): Promise<SwappedFolder> {
  const name = 'swapped';
  const [root, outside] = [join(parent, 'swap-root'), join(parent, 'swap-outside')];
  await mkdir(join(root, name), { recursive: true });
  await mkdir(outside);
  await writeFile(join(root, name, file), 'inside');
  await writeFile(join(outside, file), 'outside');
  await symlink(outside, join(root, 'link'));
  const places = [name, 'folder', 'link'].map((entry) => join(root, entry));
  const swapping = spawn(process.execPath, ['-e', SWAP, ...places]);
  const ended = once(swapping, 'exit');
  await once(swapping.stdout, 'data');
  return {
    root,
    name,
    stop: async () => {
      swapping.kill('SIGKILL');
      await ended;
    },
  };
}
