import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { PrunecastError } from '../../core/errors/prunecast-error.js';

export interface ResolvedSpecifier {
  readonly specifier: string;
  /** Of a file that is there. */
  readonly moduleUrl: URL;
}

/**
 * The module of each specifier: a path (`./knn.js`, `/opt/knn.js`, `~/knn.js`), or the name of a package that is
 * installed in the `node_modules` of the folder or one above it.
 *
 * @throws PrunecastError PLUGIN_INVALID for one that leads to no file
 */
export async function resolveSpecifiers(specifiers: readonly string[], folder: string): Promise<ResolvedSpecifier[]> {
  const packages = specifiers.filter((specifier) => !isPath(specifier));
  const found = new Map(packages.length === 0 ? [] : await resolvePackages(packages, folder));
  return Promise.all(
    specifiers.map(async (specifier) => {
      const moduleUrl = found.get(specifier) ?? pathToFileURL(resolve(folder, expandHome(specifier)));
      await requireFile(specifier, moduleUrl);
      return { specifier, moduleUrl };
    }),
  );
}

function isPath(specifier: string): boolean {
  return isAbsolute(specifier) || /^(\.{1,2}|~)\//.test(specifier);
}

function expandHome(path: string): string {
  return path.replace(/^~(?=\/)/, homedir());
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

async function requireFile(specifier: string, moduleUrl: URL): Promise<void> {
  const path = fileURLToPath(moduleUrl);
  const stats = await stat(path).catch((cause: unknown) => {
    const words = cause instanceof Error ? cause.message : String(cause);
    throw unusable(specifier, `cannot be read: ${words}`, cause);
  });
  if (!stats.isFile()) throw unusable(specifier, `is not a file: ${path}. Name the module itself`);
}

function unusable(specifier: string, fault: string, cause?: unknown): PrunecastError {
  return new PrunecastError('PLUGIN_INVALID', `the plug-in "${specifier}" ${fault}`, {
    metadata: { specifier },
    cause,
  });
}
