import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');

/**
 * Installs this package, as `npm pack` packs it, in a folder's `node_modules`. Its dependencies are links to those of the
 * repository and lie under the package itself: code in the folder sees only what the package exports. Needs no network.
 */
export function installPacked(folder: string): string {
  const installed = join(folder, 'node_modules/prunecast');
  mkdirSync(join(installed, 'node_modules'), { recursive: true });
  const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [{ filename }] = JSON.parse(packed) as [{ readonly filename: string }];
  execFileSync('tar', ['-xzf', join(folder, filename), '--strip-components=1', '-C', installed]);
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  for (const name of Object.keys(dependencies)) link(name, join(installed, 'node_modules'));
  link('@types/node', join(folder, 'node_modules'));
  mkdirSync(join(folder, 'node_modules/.bin'));
  const main = join(installed, 'dist/src/cli/main.js');
  chmodSync(main, 0o755); // as npm does
  symlinkSync(main, join(folder, 'node_modules/.bin/prunecast'));
  return installed;
}

function link(name: string, modules: string): void {
  const place = join(modules, name);
  mkdirSync(dirname(place), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules', name), place, 'dir');
}
