import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { PAGE_STYLE } from '../../report/page-style.js';

/** One file of the page. */
export interface PageFile {
  /** Its content type. */
  readonly type: string;
  readonly bytes: Buffer;
}

/** The files of the page by their paths; `/` is the page itself. */
export type PageFiles = ReadonlyMap<string, PageFile>;

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Where `npm run build` puts the page, from the build as from the sources. */
const FOLDER = new URL(
  import.meta.filename.endsWith('.ts') ? '../../../dist/src/dashboard/page/' : '../../dashboard/page/',
  import.meta.url,
);

/** Reads the page into memory; the style of reports, whose colours it has, is beside its own. Throws an Error that says what to do if it has not been built. */
export function readPage(): PageFiles {
  try {
    const files = readdirSync(FOLDER)
      .filter((name) => TYPES[extname(name)] !== undefined)
      .map((name): [string, PageFile] => [
        name === 'index.html' ? '/' : `/${name}`,
        { type: TYPES[extname(name)] ?? '', bytes: readFileSync(new URL(name, FOLDER)) },
      ]);
    return new Map([...files, ['/report.css', { type: TYPES['.css'] ?? '', bytes: Buffer.from(PAGE_STYLE) }]]);
  } catch (error) {
    throw new Error('the page of the dashboard has not been built: run `npm run build`', { cause: error });
  }
}
