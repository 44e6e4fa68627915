// Bundles the scripts of pages for browsers: one file each under dist, with the licences of the libraries inside it; and
// puts the other files of the dashboard beside its script.
import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { build } from 'esbuild';

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

/** The licence texts of all packages that the bundled files come from, each once. */
function writeNotice(inputs) {
  const folders = [...new Set(inputs.flatMap((path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []))];
  const byText = new Map();
  for (const folder of folders.sort()) {
    const { name, version, license } = JSON.parse(readFileSync(resolve(root, folder, 'package.json'), 'utf8'));
    const file = readdirSync(resolve(root, folder)).find((path) => /^licen[cs]e/i.test(path));
    if (file === undefined) throw new Error(`${name} has no licence file, so it cannot be bundled`);
    const text = `${license}\n${readFileSync(resolve(root, folder, file), 'utf8').trim()}`;
    byText.set(text, [...(byText.get(text) ?? []), `${name} ${version}`]);
  }
  const notices = [...byText].map(([text, names]) => `${names.join(', ')}: ${text}`);
  return `/*!\n${notices.join('\n\n')}\n*/`.replaceAll(/<\//g, '< /');
}
