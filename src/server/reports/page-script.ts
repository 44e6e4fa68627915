import { readFile } from 'node:fs/promises';

let known: string | undefined;

/** The script that draws the charts of a page, as `npm run build` bundles it; read once, on first use. */
export async function readPageScript(): Promise<string> {
  // The sources are one folder higher than the build.
  const root = import.meta.filename.endsWith('.ts') ? '../../../' : '../../../../';
  known ??= await readFile(new URL(`${root}dist/src/charts/page.min.js`, import.meta.url), 'utf8');
  return known;
}
