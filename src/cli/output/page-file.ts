import { accessSync, constants, existsSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { InvalidArgumentError } from 'commander';

/** A file that a command writes at its end, beside what it prints. */
export interface PageFile {
  /** As the user gave it. */
  readonly path: string;
  write(text: string): void;
}

/**
 * A file that is to be written. What would make the writing fail is refused at once: the work before it may take hours.
 *
 * @param flag names the file in errors: `--report`
 * @throws InvalidArgumentError if its folder is missing or cannot be written, if it is no file, or if it exists and may not be replaced
 */
export function openPageFile(
  flag: string,
  path: string,
  { overwrite = false }: { readonly overwrite?: boolean },
): PageFile {
  const folder = dirname(path);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new InvalidArgumentError(`${flag}: there is no folder ${folder}: make it first.`);
  if (!isWritable(folder))
    throw new InvalidArgumentError(`${flag}: you may not write in the folder ${folder}: name a file in another.`);
  if (existsSync(path)) {
    if (!statSync(path).isFile()) throw new InvalidArgumentError(`${flag}: ${path} is no file: give another name.`);
    if (!overwrite)
      throw new InvalidArgumentError(`${flag}: ${path} exists: give another name, or --overwrite to replace it.`);
  }
  return { path, write: (text) => writeFileSync(path, text, { flag: overwrite ? 'w' : 'wx' }) };
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
