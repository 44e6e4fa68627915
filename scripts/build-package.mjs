// Builds what the package has of dist, without anything of an earlier build: modules bundled without maps, and of the
// declarations, whose comments editors show, those that an entry of the package leads to.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { bundleModules } from './bundle-modules.mjs';

const root = resolve(import.meta.dirname, '..');
const built = join(root, 'dist/src');
const run = (...args) => execFileSync(process.execPath, args, { cwd: root, stdio: 'inherit' });

rmSync(built, { recursive: true, force: true });
rmSync(join(root, 'dist/.tsbuildinfo'), { force: true });
const declarations = ['--incremental', 'false', '--noCheck', '--emitDeclarationOnly'];
run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', ...declarations);
run('scripts/bundle-pages.mjs');
await bundleModules({ maps: false });

const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const reached = new Set();
for (const entry of Object.values(exports)) reach(resolve(root, entry.replace(/\.js$/, '.d.ts')));
for (const path of readdirSync(built, { recursive: true }))
  if (path.endsWith('.d.ts') && !reached.has(join(built, path))) rmSync(join(built, path));

/** Notes a declaration file, and all that it imports or exports on. */
function reach(path) {
  if (reached.has(path)) return;
  reached.add(path);
  for (const [, target] of readFileSync(path, 'utf8').matchAll(/\b(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g))
    reach(resolve(dirname(path), target.replace(/\.js$/, '.d.ts')));
}
