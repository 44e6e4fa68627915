// Fails when a generated file differs from what its source gives.
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' });

execFileSync(process.execPath, [resolve(root, 'scripts/generate.mjs')], { cwd: root, stdio: 'inherit' });
const stale = git('status', '--porcelain', '--', 'src/gen', 'proto', 'src/plugins', 'src/engine', 'docs');
if (stale !== '') {
  console.error(`These generated files are stale:\n${stale}\nRun \`npm run generate\` and commit the result.`);
  process.exit(1);
}
