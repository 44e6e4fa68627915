import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/** Whose folder, on which system. */
export interface User {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** As `process.platform`. */
  readonly platform?: NodeJS.Platform;
  /** Throws if the user has none. */
  readonly home?: () => string;
}

/**
 * Where a user's jobs, labels, studies and predictors are kept if nothing else is set, absolute: `prunecast` under
 * XDG_STATE_HOME, else `~/Library/Application Support` on macOS, %LOCALAPPDATA% on Windows, and `~/.local/state`
 * elsewhere.
 *
 * @throws Error that says which setting names another, if the user has no home folder
 */
export function defaultStateDirectory({ environment, platform = process.platform, home = homedir }: User): string {
  const { XDG_STATE_HOME: xdg = '', LOCALAPPDATA: local = '' } = environment;
  if (isAbsolute(xdg)) return join(xdg, 'prunecast');
  if (platform === 'win32' && local !== '') return join(local, 'prunecast');
  return join(findHome(home), platform === 'darwin' ? 'Library/Application Support' : '.local/state', 'prunecast');
}

/** A path with a leading `~/` replaced by the user's home folder. */
export function expandHome(path: string): string {
  return path.replace(/^~(?=\/|$)/, () => homedir());
}

/**
 * Makes sure that a state folder is there and can be written. Its user alone may open it.
 *
 * @throws Error that says what is wrong, and which setting names another folder
 */
export function makeStateDirectory(stateDirectory: string): void {
  try {
    mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
    accessSync(stateDirectory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new Error(
      `the state folder ${resolve(stateDirectory)} cannot be used: ${describe(error)}. Jobs, labels and predictors are kept there: ${NAME_ANOTHER}`,
      { cause: error },
    );
  }
}

const NAME_ANOTHER = 'name a folder that you may write, with --state-dir DIR or PRUNECAST_STATE_DIRECTORY=DIR';

function findHome(home: () => string): string {
  let found = '';
  try {
    found = home();
  } catch {
    // No entry in the list of users, as in some containers: reported below.
  }
  if (isAbsolute(found)) return found;
  throw new Error(`there is no home folder to keep jobs, labels and predictors in: ${NAME_ANOTHER}`);
}

function describe(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'you may not write there';
    case 'EROFS':
      return 'its file system is read-only';
    case 'EEXIST':
    case 'ENOTDIR':
      return 'a file is in its place or on the way to it';
    case 'ENOSPC':
      return 'the disk is full';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
