// Regenerates everything that is committed but never edited. CI runs it and fails on any difference.
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const run = (command, ...args) => execFileSync(command, args, { cwd: root, stdio: 'inherit' });
const buf = resolve(root, 'node_modules/@bufbuild/buf/bin/buf');

rmSync(resolve(root, 'src/gen'), { recursive: true, force: true });
run(process.execPath, buf, 'format', '-w', '--path', 'proto/prunecast');
run(process.execPath, buf, 'generate');
// The API: what a plug-in implements is not called by name.
run(
  process.execPath,
  buf,
  'build',
  '--as-file-descriptor-set',
  '--exclude-path',
  'proto/prunecast/plugin',
  '-o',
  'proto/image.binpb',
);
run(process.execPath, 'scripts/compile-kernels.mjs');
run(process.execPath, 'scripts/generate-plugin-list.mjs');
run(
  process.execPath,
  resolve(root, 'node_modules/@biomejs/biome/bin/biome'),
  'format',
  '--write',
  'src/plugins/builtin/list.ts',
);
// The pages describe what the sources say: built first.
run(process.execPath, resolve(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--noCheck');
run(process.execPath, 'scripts/generate-docs.mjs');
run(process.execPath, 'scripts/draw-picture.mjs');
