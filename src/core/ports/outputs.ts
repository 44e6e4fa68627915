import type { ExportSummary } from './exporter.js';

/** Lies beside every output; a folder without it is not an output. */
export const MANIFEST_FILE = 'prunecast.json';

/** Where an output goes, and what it must not overwrite. */
export interface OutputTarget {
  /** Relative to the output root. */
  readonly output: string;
  /** What the job reads: checkpoints and texts. */
  readonly reads: readonly KeptPath[];
  /** What it will take on disk, about: an error of a full disk tells. Left out if it is unknown. */
  readonly bytes?: number;
  /** Whether folders within it will be outputs of their own. @default false */
  readonly isParted?: boolean;
}

/**
 * Makes a folder within a new output an output of its own: checks what was written there, and adds the list of its
 * files to its manifest. Returns its summary with that manifest.
 */
export type SealFolder = (folder: string, summary: ExportSummary) => Promise<ExportSummary>;

/** Something that an output neither is, nor holds, nor lies in. */
export interface KeptPath {
  /** Its real path. */
  readonly path: string;
  /** What callers are told it is: `the state folder`. */
  readonly name: string;
}

/**
 * What happens if there is an earlier output: the new one is refused, or replaces it, or replaces it if `mayReplace`
 * allows that of its folder. What is not an earlier output is never replaced.
 */
export type OutputPolicy = 'refuse' | 'replace' | { readonly mayReplace: (directory: string) => Promise<boolean> };

/** Folders under the output root, each written whole or not at all. Several servers may share a root. */
export interface OutputFolders {
  /**
   * Checks that an output could be written now, so that a bad request is refused before there is a job.
   *
   * @throws PrunecastError INVALID_REQUEST, PATH_OUTSIDE_ROOTS, OUTPUT_PROTECTED, OUTPUT_EXISTS, OUTPUT_NOT_WRITTEN
   */
  check(target: OutputTarget, policy: OutputPolicy): Promise<void>;
  /**
   * Has `write` fill an empty folder beside the output, and seal the folders in it that are outputs too; checks that
   * all of it is there, syncs it and renames it into place. An old output is first moved aside, then removed. If anything fails, what was there before is there again.
   * Returns the summary of the output, including the list of files that was added to its manifest.
   *
   * @throws PrunecastError as `check` and `write`, STORAGE_FULL, OUTPUT_NOT_WRITTEN
   */
  write(
    target: OutputTarget,
    policy: OutputPolicy,
    write: (directory: string, seal: SealFolder) => Promise<ExportSummary>,
  ): Promise<ExportSummary>;
  /**
   * The manifest of an earlier output.
   *
   * @param field the output's path in the request
   * @throws PrunecastError INVALID_REQUEST, PATH_OUTSIDE_ROOTS, OUTPUT_NOT_FOUND
   */
  readManifest(output: string, field: string): Promise<Readonly<Record<string, unknown>>>;
  /**
   * The real path of the folder of an earlier output. Throws as `readManifest`.
   *
   * @param field the output's path in the request
   */
  locate(output: string, field: string): Promise<string>;
  /**
   * The names of the outputs in a folder under the output root, those within others too, and whether there was more to
   * look at. Empty: all of the root; nothing where that is the whole file system.
   *
   * @param field the folder's path in the request
   * @throws PrunecastError INVALID_REQUEST, PATH_OUTSIDE_ROOTS, OUTPUT_NOT_FOUND
   */
  list(folder: string, field: string): Promise<{ readonly names: readonly string[]; readonly isCut: boolean }>;
  /**
   * Removes what interrupted writes left behind and no server owns, and puts back an old output that had only been
   * moved aside. Skips folders that cannot be read.
   */
  sweep(): Promise<void>;
}
