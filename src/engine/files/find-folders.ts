import { opendir, realpath } from 'node:fs/promises';
import { join } from 'node:path';

/** Which folders are looked for under a root. */
export interface FolderSearch {
  /** The name of a file that each has. */
  readonly marker: string;
  /** Whether folders in such a folder are looked at too. @default false */
  readonly looksInside?: boolean;
  /** The folder below the root to begin with; empty for all of it. */
  readonly within: string;
  /** How many folders deep, from the folder to begin with. */
  readonly mostDepth: number;
  /** How many entries of folders are looked at. */
  readonly mostEntries: number;
  /** Whether a link to a folder may be followed to this real path. */
  readonly mayFollow: (real: string) => Promise<boolean>;
}

export interface FoundFolders {
  /** Relative to the root with `/` between names, `.` for the root itself. */
  readonly names: readonly string[];
  /** Whether there was more to look at. */
  readonly isCut: boolean;
}

/**
 * The folders under a root that hold a file of some name. Hidden folders are passed over, and so is what cannot be
 * read. A folder that several names lead to is found once.
 */
export async function findFolders(
  root: string,
  { marker, looksInside = false, within, mostDepth, mostEntries, mayFollow }: FolderSearch,
): Promise<FoundFolders> {
  const names: string[] = [];
  const seen = new Set<string>();
  let [left, isCut] = [mostEntries, false];

  const walk = async (name: string, depth: number): Promise<void> => {
    const folder = join(root, name);
    const real = await realpath(folder).catch(() => undefined);
    if (real === undefined || seen.has(real) || !(await mayFollow(real))) return;
    seen.add(real);
    const below: string[] = [];
    try {
      for await (const entry of await opendir(folder)) {
        if (left-- <= 0) {
          isCut = true;
          return;
        }
        if (entry.name === marker) {
          names.push(name === '' ? '.' : name);
          if (!looksInside) return;
        }
        const isFolder = entry.isDirectory() || entry.isSymbolicLink();
        if (isFolder && !entry.name.startsWith('.')) below.push(entry.name);
      }
    } catch {
      return; // a file behind a link, a folder that may not be read, or one that was removed meanwhile
    }
    if (depth === 0) isCut ||= below.length > 0;
    else for (const entry of below.toSorted()) await walk(name === '' ? entry : `${name}/${entry}`, depth - 1);
  };

  await walk(within, mostDepth);
  return { names, isCut };
}
