import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';

/** Builds once before the tests (types are checked apart): worker threads and servers in child processes run the compiled sources. */
export default function build(): void {
  const root = resolve(import.meta.dirname, '../..');
  execFileSync(
    process.execPath,
    [resolve(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--noCheck'],
    { cwd: root, stdio: 'inherit' },
  );
  for (const script of ['bundle-pages.mjs', 'bundle-modules.mjs'])
    execFileSync(process.execPath, [resolve(root, 'scripts', script)], { cwd: root, stdio: 'inherit' });
}
