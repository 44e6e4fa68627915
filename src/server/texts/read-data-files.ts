import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { quotePath } from '../../core/errors/describe-missing.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { DataFile } from '../../core/ports/evaluator.js';
import { digestBytes, digestOf } from '../../engine/files/digest.js';
import { parseRows } from '../../engine/texts/parse-rows.js';
import { ROW_FILE_ENDINGS, rowFormatOf } from '../../engine/texts/text-format.js';
import type { Config } from '../config/config.js';
import { openFileWithin, readOpened } from '../config/open-file-within.js';
import { resolveWithin } from '../config/resolve-within.js';

/**
 * The most bytes of all files of a data set together, which are held in memory as rows. MMLU's questions have 7 MB,
 * HellaSwag's training split 47 MB.
 */
export const MAX_DATA_BYTES = 128 * 2 ** 20;

/** The most files of a data set; MMLU has 57 subjects in two folders. */
export const MAX_DATA_FILES = 4096;

/** Where a data set lies, as a request names it. */
export interface DataPlace {
  /** A file or a folder under a data root. */
  readonly path: string;
  /** The path's field in the request. */
  readonly field: string;
}

/** The files of a data set. */
export interface DataFiles {
  readonly files: readonly DataFile[];
  /** Of the content of a file; of a folder's files, of their names and contents. */
  readonly digest: string;
}

/**
 * Reads the rows of a file, or of all files in some folders of a folder. There, files whose names do not say that they
 * have rows are left out, and so are hidden ones and folders.
 *
 * @param folders the names of the folders; undefined: the path is a file
 * @throws PrunecastError INVALID_REQUEST with the file and the line of a row that cannot be read, TEXT_NOT_FOUND,
 * PATH_OUTSIDE_ROOTS
 */
export async function readDataFiles(
  { dataRoots, dataLinks }: Pick<Config, 'dataRoots' | 'dataLinks'>,
  { path, field }: DataPlace,
  folders?: readonly string[],
): Promise<DataFiles> {
  const place = { field, missing: 'TEXT_NOT_FOUND', links: dataLinks } as const;
  let left = MAX_DATA_BYTES;
  const read = async (name: string, file: string): Promise<{ readonly file: DataFile; readonly digest: string }> => {
    const format = rowFormatOf(name);
    if (format === undefined)
      throw PrunecastError.ofField(
        field,
        (await isFolder(await resolveWithin(dataRoots, file, place)))
          ? `${quotePath(name)} is a folder: name a file in it`
          : `${quotePath(name)} has no rows that can be read: its name must end with ${ROW_FILE_ENDINGS.join(', ')}`,
      );
    const opened = await openFileWithin(dataRoots, file, { ...place, maxBytes: left }).catch((error: unknown) => {
      throw inFile(error, name, field);
    });
    try {
      const bytes = await readOpened(opened, field);
      left -= bytes.length;
      return { file: { name, rows: await parseRows(bytes, format) }, digest: digestBytes(bytes) };
    } catch (error) {
      throw inFile(error, name, field);
    } finally {
      await opened.handle.close();
    }
  };
  if (folders === undefined) {
    const { file, digest } = await read(basename(path), path);
    return { files: [file], digest };
  }
  if (!(await isFolder(await resolveWithin(dataRoots, path, place))))
    throw PrunecastError.ofField(field, `${quotePath(path)} is a file: name the folder that has ${nameAll(folders)}`);
  const names = (await Promise.all(folders.map((folder) => listRowFiles(folder)))).flat();
  if (names.length > MAX_DATA_FILES)
    throw PrunecastError.ofField(field, `has ${names.length} files; at most ${MAX_DATA_FILES} are read`);
  const all = [];
  for (const name of names) all.push(await read(name, join(path, name))); // one by one: their sizes add up
  return {
    files: all.map(({ file }) => file),
    digest: digestOf(all.map(({ file, digest }) => [file.name, digest])),
  };

  async function listRowFiles(folder: string): Promise<string[]> {
    const real = await resolveWithin(dataRoots, join(path, folder), place).catch((error: unknown) => {
      throw error instanceof PrunecastError && error.reason === place.missing
        ? PrunecastError.ofField(field, refuseMissing(folder), place.missing)
        : error;
    });
    const entries = await readdir(real, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      throw refuseFolder(error, folder);
    });
    const names = entries
      .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.') && rowFormatOf(entry.name) !== undefined)
      .map(({ name }) => `${folder}/${name}`);
    if (names.length === 0)
      throw PrunecastError.ofField(
        field,
        `its folder ${quotePath(folder)} has no file with rows: names end with ${ROW_FILE_ENDINGS.join(', ')}`,
      );
    return names.toSorted();
  }

  function refuseMissing(folder: string): string {
    return `${quotePath(path)} has no folder ${quotePath(folder)}: name the folder that has ${nameAll(folders ?? [])}`;
  }

  function refuseFolder(error: NodeJS.ErrnoException, folder: string): Error {
    switch (error.code) {
      case 'ENOTDIR':
        return PrunecastError.ofField(field, `${quotePath(folder)} in it is no folder`);
      case 'EACCES':
      case 'EPERM':
        return PrunecastError.ofField(
          field,
          `its folder ${quotePath(folder)} may not be read by the server: give its user the right to`,
        );
      default:
        return error;
    }
  }
}

function nameAll(folders: readonly string[]): string {
  return folders.map(quotePath).join(' and ');
}

async function isFolder(real: string): Promise<boolean> {
  return (await stat(real)).isDirectory();
}

/** What is wrong with a file, with its name: the request names only the folder. */
function inFile(error: unknown, name: string, field: string): unknown {
  if (!(error instanceof PrunecastError)) return error;
  const { reason, message, violations } = error;
  return PrunecastError.ofField(field, `${quotePath(name)}: ${violations[0]?.description ?? message}`, reason);
}
