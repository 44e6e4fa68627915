import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { PrunecastError } from '../../core/errors/prunecast-error.js';

export interface ResolvedSpecifier {
  readonly specifier: string;
  /** Of a file that is there. */
  readonly moduleUrl: URL;
}

/**
 * The module of each specifier: a path (`./knn.js`, `/opt/knn.js`, `~/knn.js`), the folder of a package (`./knn`, `.`), or
 * the name of a package that is installed in the `node_modules` of the folder or one above it.
 *
 * @throws PrunecastError PLUGIN_INVALID for one that leads to no file
 */
export async function resolveSpecifiers(specifiers: readonly string[], folder: string): Promise<ResolvedSpecifier[]> {
  const packages = specifiers.filter((specifier) => !isPath(specifier));
  const found = new Map(packages.length === 0 ? [] : await resolvePackages(packages, folder));
  return Promise.all(
    specifiers.map(async (specifier) => {
      const named = found.get(specifier) ?? pathToFileURL(resolve(folder, expandHome(specifier)));
      return { specifier, moduleUrl: await findModule(specifier, named) };
    }),
  );
}

function isPath(specifier: string): boolean {
  return isAbsolute(specifier) || /^(\.{1,2}|~)(\/|$)/.test(specifier);
}

function expandHome(path: string): string {
  return path.replace(/^~(?=\/|$)/, homedir());
}

/**
 * Node resolves packages only from the folder of the importing module, and has no stable way to name another folder. So
 * this starts a process in the folder: the code that it evaluates counts as a module of that folder.
 */
async function resolvePackages(packages: readonly string[], folder: string): Promise<(readonly [string, URL])[]> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', RESOLVE, ...packages],
    { cwd: folder },
  );
  const answers = JSON.parse(stdout) as readonly { readonly url?: string; readonly error?: string }[];
  return packages.map((specifier, index) => {
    const { url, error = '' } = answers[index] ?? {};
    if (url?.startsWith('file:') === true) return [specifier, new URL(url)];
    const fault = url === undefined ? error : `it leads to ${url}, and only files are loaded`;
    throw unusable(
      specifier,
      `cannot be found from ${folder}: ${fault}. Install the package there, or write ./ in front of a path`,
    );
  });
}

const RESOLVE = `
const answers = process.argv.slice(1).map((specifier) => {
  try {
    return { url: import.meta.resolve(specifier) };
  } catch (error) {
    return { error: error.message };
  }
});
process.stdout.write(JSON.stringify(answers));
`;

/** The file itself, or the module of a folder: what its package.json exports as `.`, else its `main` or index.js. */
async function findModule(specifier: string, named: URL): Promise<URL> {
  const path = fileURLToPath(named);
  const stats = await stat(path).catch((cause: unknown) => {
    const words = cause instanceof Error ? cause.message : String(cause);
    throw unusable(specifier, `cannot be read: ${words}`, cause);
  });
  if (stats.isFile()) return named;
  if (!stats.isDirectory()) throw unusable(specifier, `is not a file: ${path}. Name the module itself`);
  const name = await readExportingName(path);
  if (name !== undefined) return findModule(specifier, new Map(await resolvePackages([name], path)).get(name) as URL);
  try {
    return pathToFileURL(createRequire(join(path, 'package.json')).resolve(path));
  } catch (cause) {
    throw unusable(
      specifier,
      `is a folder, and no package.json in it names a module: ${path}. Name the module itself`,
      cause,
    );
  }
}

/** The name of a folder's package, under which it finds its own exports; undefined if it has none. */
async function readExportingName(folder: string): Promise<string | undefined> {
  try {
    const written = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as unknown;
    const { name, exports } = written as { readonly name?: unknown; readonly exports?: unknown };
    return typeof name === 'string' && exports !== undefined ? name : undefined;
  } catch {
    return undefined; // no package.json that can be read
  }
}

function unusable(specifier: string, fault: string, cause?: unknown): PrunecastError {
  return new PrunecastError('PLUGIN_INVALID', `the plug-in "${specifier}" ${fault}`, {
    metadata: { specifier },
    cause,
  });
}
