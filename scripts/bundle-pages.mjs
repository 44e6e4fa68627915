// Bundles the scripts of pages for browsers: one file each under dist, with the licences of the libraries inside it; and
// puts the other files of the dashboard beside its script.
import { copyFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { build } from 'esbuild';
import { writeNotice } from './write-notice.mjs';

const root = resolve(import.meta.dirname, '..');
const DASHBOARD = 'dist/src/dashboard/page';
const PAGES = {
  'src/charts/browser/page.ts': 'dist/src/charts/page.min.js',
  'src/dashboard/browser/main.ts': `${DASHBOARD}/dashboard.js`,
};

for (const [entry, outfile] of Object.entries(PAGES)) {
  const options = {
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'iife',
    target: ['chrome109', 'firefox115', 'safari16'],
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'warning',
  };
  const { metafile } = await build({ ...options, write: false, metafile: true });
  await build({ ...options, outfile, banner: { js: writeNotice(Object.keys(metafile.inputs)) } });
}

for (const name of ['index.html', 'dashboard.css', 'icon.svg'])
  copyFileSync(resolve(root, 'src/dashboard/browser', name), resolve(root, DASHBOARD, name));
