import { mkdir, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CommandFailure } from '../output/command-failure.js';

/** A new folder that is this process's own. */
export interface ClaimedFolder {
  /** As the user would name it. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  /** Removes it with all that is in it. */
  remove(): Promise<void>;
}

/**
 * Makes a folder. What exists is never touched.
 *
 * @throws CommandFailure if it exists, or cannot be made
 */
export async function claimFolder(name: string): Promise<ClaimedFolder> {
  const path = resolve(name);
  try {
    await mkdir(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CommandFailure(
      code === 'EEXIST'
        ? `${name} exists: name a folder that does not, with --output`
        : `cannot make the folder ${name} (${message}): name another one with --output`,
    );
  }
  return { name, path, remove: () => rm(path, { recursive: true, force: true }) };
}
