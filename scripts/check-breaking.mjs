// Fails when the protos under a folder (default: this one) break callers of the newest release: that of the newest tag v*, or
// proto/baseline.binpb in a checkout without tags. `npm run renew:baseline` rewrites the baseline: run it with each release,
// and before the first release also when an incompatible change is meant.
import { execFileSync, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const folder = resolve(process.argv[2] ?? root);
const tag = git('tag', '--list', 'v*', '--sort=-version:refname')?.split('\n')[0];
const release = tag ? `the release ${tag}` : 'proto/baseline.binpb';
// The repository of a linked working tree lies elsewhere.
const against = tag ? `${resolve(folder, git('rev-parse', '--git-common-dir'))}#tag=${tag}` : 'proto/baseline.binpb';
const { status } = spawnSync(
  process.execPath,
  [resolve(root, 'node_modules/@bufbuild/buf/bin/buf'), 'breaking', '--against', against, '--exclude-imports'],
  { cwd: folder, stdio: 'inherit' },
);
if (status !== 0) {
  console.error(
    `The protos break callers of ${release}. Keep what is there; if no release has it, renew the baseline: npm run renew:baseline.`,
  );
  process.exit(1);
}
console.log(`The protos break no caller of ${release}.`);

/** What git answers; undefined where there is no repository. */
function git(...args) {
  try {
    return execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}
