import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

const BIN = resolve(import.meta.dirname, '../../node_modules/.bin');
const run = promisify(execFile);

/**
 * Has publint and attw look at an archive: whether its manifest is right, and whether each entry and its types resolve
 * for ES modules in Node and in bundlers. Both exit with an error if not.
 *
 * @returns the entries that attw has resolved
 */
export async function lintPackage(tarball: string): Promise<string[]> {
  await run(`${BIN}/publint`, ['run', tarball, '--strict']);
  const { stdout } = await run(`${BIN}/attw`, [tarball, '--profile', 'esm-only', '--format', 'json'], {
    maxBuffer: 2 ** 24,
  });
  const { analysis } = JSON.parse(stdout) as { readonly analysis: { readonly entrypoints: object } };
  return Object.keys(analysis.entrypoints);
}
