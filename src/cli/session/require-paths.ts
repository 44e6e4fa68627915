import { existsSync, readdirSync, type Dirent } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { CallError } from '../../client/index.js';
import { describeMissing } from '../../core/errors/describe-missing.js';
import { findNearest } from '../../core/errors/nearest.js';
import { requestOptions } from '../options/request-option.js';
import { RequestError } from '../output/request-error.js';

/**
 * Ends a command whose model or text does not exist before a server is started for it, with the flag, and the nearest
 * name beside. A path of a kind for which roots are configured may lie under one of them: that is left to the server.
 *
 * @throws RequestError MODEL_NOT_FOUND or TEXT_NOT_FOUND
 */
export function requirePaths(
  command: Command,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): void {
  for (const option of requestOptions(command)) {
    const kind = KINDS[option.flag.place ?? 'output'];
    if (kind === undefined || environment[kind.roots]) continue;
    for (const { text: path } of option.givenTo(command)) {
      if ((kind.isModel ? false : path.startsWith('@')) || existsSync(path)) continue;
      const flag = option.long ?? option.flags;
      const description = describeMissing({ path, beside: findBeside(path, kind.isModel), ...kind });
      const message = `${flag}: ${description}`;
      const violation = { field: option.flag.field ?? '', description };
      const failure = new CallError(message, { code: 'NOT_FOUND', reason: kind.reason, violations: [violation] });
      throw new RequestError(message, failure, [{ ...violation, flag }]);
    }
  }
}

const KINDS = {
  model: {
    reason: 'MODEL_NOT_FOUND',
    roots: 'PRUNECAST_MODEL_ROOTS',
    isModel: true,
    otherwise: 'name the folder of a checkpoint',
  },
  text: {
    reason: 'TEXT_NOT_FOUND',
    roots: 'PRUNECAST_DATA_ROOTS',
    isModel: false,
    otherwise: 'name a file, or write @ and the text itself',
  },
  output: undefined,
  'earlier-output': undefined,
} as const;

/** The nearest name in the folder where a path should lie, as the user would write it. Hidden files are left out. */
function findBeside(path: string, wantsFolder: boolean): string | undefined {
  const names = listFolder(dirname(resolve(path)))
    .filter((entry) => !entry.name.startsWith('.') && (!wantsFolder || entry.isDirectory() || entry.isSymbolicLink()))
    .map(({ name }) => name);
  const nearest = findNearest(basename(path), names);
  return nearest === undefined ? undefined : join(dirname(path), nearest);
}

/** What lies in a folder; nothing if it is none, or may not be read: the path is then told without a proposal. */
function listFolder(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
