import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

/** What docs/install.md promises of a package, in bytes. */
export interface PromisedSizes {
  readonly archive: number;
  /** With all dependencies. */
  readonly installed: number;
}

/** The row of a package in the table of sizes. */
export async function readPromisedSizes(name: string): Promise<PromisedSizes> {
  const page = await readFile(resolve(import.meta.dirname, '../../docs/install.md'), 'utf8');
  const row = new RegExp(`^\\| \`${name}\` \\|.*?\\| under ([\\d.]+) MB \\| under ([\\d.]+) MB \\|$`, 'm').exec(page);
  if (row === null) throw new Error(`docs/install.md has no sizes of ${name}`);
  const [archive = NaN, installed = NaN] = row.slice(1).map((megabytes) => Number(megabytes) * 1e6);
  return { archive, installed };
}
